"""`emogen batch status` and `cancel`: how batches stand, and what to do next."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from emogen.backends import ThrottledError, TransientError
from emogen.batch.planned import Batch, State
from emogen.batch.plans import Plans
from emogen.batch.remote import RemoteBatch, Remotes
from emogen.batch.submitting import recover
from emogen.cli_batch.opened import looks, plans_of
from emogen.lock import locked
from emogen.terminal import progress, say, show_json

__all__ = ["SHOWN_LINES", "figures", "run_cancel", "show_look", "show_status", "wait"]

SHOWN_LINES: Final = 5


def wait(run: Path, every_s: float) -> None:
    """Look until all batches have ended; a provider that is out of reach for a while does not end the wait."""
    done = 0
    with plans_of(run) as plans, Remotes() as remotes:
        total = sum(batch.requests for batch in plans.open_batches() if batch.batch_id is not None)
        with progress("answered", total) as advance:
            while True:
                try:
                    seen = list(looks(plans, remotes))
                except (ThrottledError, TransientError) as error:
                    advance(0, note=error.what)
                else:
                    now, ended = sum(_over(*one) for one in seen), sum(look.ended for _, look in seen)
                    advance(now - done, note=f"{ended} of {len(seen)} batches have ended")
                    done = now
                    if ended == len(seen):
                        return
                time.sleep(every_s)


def _over(batch: Batch, seen: RemoteBatch) -> int:
    """Return how many requests of a batch are over: of one that has ended, nothing more will be answered."""
    return batch.requests if seen.ended else seen.completed + seen.failed


def show_status(run: Path, *, as_json: bool = False) -> bool:
    """Print how the batches stand and what to do next; return whether all have ended."""
    with plans_of(run) as plans, Remotes() as remotes:
        seen = {batch.number: look for batch, look in looks(plans, remotes)}
        for batch in plans.batches():
            if batch.number in seen:
                show_look(batch, seen[batch.number])
            else:
                word = "collected" if batch.state == State.COLLECTED else f"not created ({batch.state})"
                say(f"batch {batch.number} ({batch.batch_id or 'no name'}): {word}")
        is_over = _show_next(run, plans, list(seen.values()))
        if as_json:
            rows = [figures(batch, seen.get(batch.number)) for batch in plans.batches()]
            show_json({"batches": rows, "ended": is_over})
        return is_over


def figures(batch: Batch, seen: RemoteBatch | None) -> dict[str, object]:
    """Return what `--json` says of a batch; what the provider says is None where it was not asked."""
    return {
        "number": batch.number,
        "id": batch.batch_id,
        "state": batch.state,
        "requests": batch.requests,
        "status": seen and seen.status,
        "answered": seen and seen.completed,
        "failed": seen and seen.failed,
        "errors": seen.errors if seen else (),
    }


def _show_next(run: Path, plans: Plans, seen: list[RemoteBatch]) -> bool:
    is_over = all(look.ended for look in seen)
    if len(seen) < len(plans.open_batches()):
        say("a submission was cut off: run it again, and it goes on from there")
    if not is_over:
        say(f"next: emogen batch status {run} --wait")
    elif seen:
        say(f"next: emogen batch collect {run}")
    return is_over


def show_look(batch: Batch, seen: RemoteBatch) -> None:
    """Print how a batch stands."""
    failed = f", {seen.failed:,} failed" if seen.failed else ""
    say(
        f"batch {batch.number} ({seen.id}): {seen.status}, {seen.completed:,} of {batch.requests:,} answered{failed}"
    )
    for error in seen.errors[:SHOWN_LINES]:
        say(f"  {error}")


def run_cancel(run: Path, *, as_json: bool = False) -> None:
    """Ask the provider to stop all batches that have not ended."""
    rows = []
    with plans_of(run) as plans, locked(run), Remotes() as remotes:
        recover(plans, remotes)
        for batch, seen in looks(plans, remotes):
            now = seen if seen.ended else remotes.of(batch.terms).cancel(seen.id)
            say(f"batch {batch.number} ({now.id}): {now.status}")
            rows.append(figures(batch, now))
    if as_json:
        show_json({"batches": rows})
    say(f"next, in some minutes: emogen batch collect {run}")
