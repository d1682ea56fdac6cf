"""`emogen batch submit`: say what it takes, and submit."""

from __future__ import annotations

from contextlib import ExitStack

from emogen.batch.drafting import Estimate, Limits, estimate, lines_of
from emogen.batch.planned import Batch, Terms
from emogen.batch.plans import Plans
from emogen.batch.remote import Remotes
from emogen.batch.submitting import submit
from emogen.cli_batch.opened import backend_for, rows_of, terms_of
from emogen.counting import counted
from emogen.journal import Journal
from emogen.manifest import manifest_of
from emogen.opening import dataset_of, out_of, renderer_of
from emogen.settings import RunSettings
from emogen.store import BATCHES, JOURNAL, RunFolder
from emogen.terminal import say, show_json, show_remarks

__all__ = ["run_submit", "show_estimate"]


def show_estimate(settings: RunSettings, limits: Limits, *, as_json: bool = False) -> None:
    """Say what the requests would take; nothing is sent or written."""
    backend, dataset, out = backend_for(settings, is_trial=True), dataset_of(settings), settings.out
    with ExitStack() as opened:
        journal = opened.enter_context(Journal(out / JOURNAL)) if out and (out / JOURNAL).is_file() else None
        plans = opened.enter_context(Plans(out / BATCHES)) if out and (out / BATCHES).is_file() else None
        rows = rows_of(settings, dataset, backend, None, journal, plans)
        total = estimate(lines_of(rows.missing(), backend), limits)
    show_remarks(dataset.remarks())
    terms = terms_of(settings, backend)
    if total.requests:
        _show(total, terms, "would be submitted; nothing was sent")
    else:
        say("nothing is missing")
    if as_json:
        show_json(_figures(total, terms))


def run_submit(settings: RunSettings, limits: Limits, *, overwrite: bool, as_json: bool = False) -> None:
    """Submit what is missing, and say what to do next."""
    out, backend, dataset = out_of(settings), backend_for(settings), dataset_of(settings)
    terms = terms_of(settings, backend)
    manifest = manifest_of(settings, backend, renderer_of(settings))
    with (
        RunFolder(out, manifest, overwrite=overwrite) as folder,
        Journal(out / JOURNAL) as journal,
        Plans(out / BATCHES) as plans,
        Remotes() as remotes,
    ):
        rows = rows_of(settings, dataset, backend, folder, journal, plans)
        total = submit(
            lines_of(rows.missing(), backend),
            limits,
            plans,
            remotes,
            terms,
            spent=journal.spent(terms.price.of if terms.price else None),
            max_cost=settings.limits.max_cost,
            on_planned=lambda total: _show(total, terms, "are submitted") if total.requests else None,
            on_launched=_show_batch,
        )
        is_waiting = bool(plans.open_batches())
        folder.ends_as = "submitted" if is_waiting else "stopped"
    show_remarks(dataset.remarks())
    if not total.requests:
        say(f"nothing {'else ' if is_waiting else ''}is missing")
    if as_json:
        show_json({**_figures(total, terms), "out": out, "waiting": is_waiting})
    first = f"emogen batch status {out} --wait, then: " if is_waiting else ""
    say(f"next: {first}emogen batch collect {out}")


def _figures(total: Estimate, terms: Terms) -> dict[str, object]:
    price = terms.price
    money = (
        {"cost": price.of(total.usage), "most": price.of(total.most), "currency": price.currency}
        if price
        else {"cost": None}
    )
    return {
        "requests": total.requests,
        "batches": total.files,
        "bytes": total.bytes,
        "usage": total.usage,
        **money,
    }


def _show(total: Estimate, terms: Terms, what: str) -> None:
    batches = counted(total.files, "batch", "batches")
    say(
        f"{counted(total.requests, 'request')} in {batches}, {total.bytes / 1e6:.1f} MB, {what}\n"
        f"about {total.usage.prompt_tokens:,} prompt tokens and {total.usage.completion_tokens:,} answer tokens"
    )
    price = terms.price
    if price is None:
        say(f"cost unknown: no price for {terms.model}; give one with --prices FILE")
        return
    say(
        f"about {price.of(total.usage):.2f} and at most {price.of(total.most):.2f} {price.currency}, at the price of "
        f"a batch (prices as of {price.as_of})"
    )


def _show_batch(batch: Batch) -> None:
    say(f"batch {batch.number} ({batch.batch_id}): {counted(batch.requests, 'request')}")
