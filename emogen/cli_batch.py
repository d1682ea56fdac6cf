"""`emogen batch`: parse, call, print."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from emogen.cli_options import takes_settings
from emogen.errors import CheckFailedError, InputError, UnfinishedError
from emogen.run_file import RunFile
from emogen.settings import RunSettings
from emogen.terminal import progress, show_counts, show_remarks

if TYPE_CHECKING:
    from emogen.backends.openai import OpenAIBackend
    from emogen.batch.collecting import Collection
    from emogen.batch.drafting import Estimate, Limits
    from emogen.batch.plans import Batch, Plans, Terms
    from emogen.batch.remote import RemoteBatch, Remotes
    from emogen.batch.rows import Rows, Standing
    from emogen.dataset import Dataset
    from emogen.journal import Journal
    from emogen.store import RunFolder

__all__ = ["batch_app"]

SHOWN_LINES: Final = 5

batch_app = typer.Typer(
    help="Ask OpenAI in batches: answers within a day at half the price, into the same run folder.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
RunArgument = Annotated[Path, typer.Argument(help="The run folder.")]


@batch_app.command()
@takes_settings
def submit(
    settings: RunSettings,
    file: RunFile | None,
    requests_per_batch: Annotated[
        int,
        typer.Option(
            "--requests-per-batch",
            min=1,
            max=50_000,
            help="Smaller batches fit under a limit of queued tokens.",
        ),
    ] = 50_000,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate requests, files, tokens and money, and stop.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Start the run folder anew; answers in its journal are used again."),
    ] = False,
) -> None:
    """Submit in batches what `emogen generate` with the same options would ask.

    What is answered or in a batch already is left out: submitting again takes up requests that failed or expired,
    and corrections of answers that could not be read.
    """
    from emogen.batch.drafting import Limits

    limits = Limits(requests=requests_per_batch)
    if dry_run:
        _estimate(settings, limits)
        return
    with _interruptible("the provider keeps what was created; run the same command again"):
        _submit(settings, limits, overwrite=overwrite)


@batch_app.command()
def status(
    run: RunArgument,
    wait: Annotated[bool, typer.Option("--wait", help="Look again until all batches have ended.")] = False,
    every_s: Annotated[float, typer.Option("--every", min=0.01, help="Seconds between two looks.")] = 60.0,
) -> None:
    """Show how a run's batches stand and what to do next; exit code 5 while some have not ended."""
    from emogen.batch.remote import Remotes

    with _plans(run) as plans, Remotes() as remotes:
        if wait:
            with _interruptible("the batches go on without this command"):
                _wait(plans, remotes, every_s)
        if not _show_status(run, plans, remotes):
            raise typer.Exit(UnfinishedError.exit_code)


@batch_app.command()
def collect(run: RunArgument) -> None:
    """Put the answers of ended batches into the journal and make samples of them; exit code 5 while some go on."""
    with _interruptible("run the same command again: nothing is lost, and nothing is paid twice"):
        _fetch(run)
        _make_samples(run)


@batch_app.command()
def cancel(run: RunArgument) -> None:
    """Ask the provider to stop a run's batches; what was answered before is paid for and can be collected."""
    from emogen.batch.remote import Remotes
    from emogen.batch.submitting import recover
    from emogen.store import locked

    with _plans(run) as plans, Remotes() as remotes, locked(run):
        recover(plans, remotes)
        for batch, seen in _looks(plans, remotes):
            if not seen.ended:
                seen = remotes.of(batch.terms).cancel(seen.id)
            typer.echo(f"batch {batch.number} ({seen.id}): {seen.status}")
    typer.echo(f"next, in some minutes: emogen batch collect {run}")


@contextmanager
def _interruptible(said: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"interrupted; {said}.", err=True)
        raise typer.Exit(130) from None


@contextmanager
def _plans(run: Path) -> Iterator[Plans]:
    """Open what was submitted from a run folder.

    Raises:
        InputError: nothing was.
    """
    from emogen.batch.plans import Plans
    from emogen.store import BATCHES

    if not (run / BATCHES).is_file():
        raise InputError(
            "nothing was submitted from this folder",
            where=run,
            remedy="Name one that `emogen batch submit` made.",
        )
    with Plans(run / BATCHES) as plans:
        yield plans


def _looks(plans: Plans, remotes: Remotes) -> Iterator[tuple[Batch, RemoteBatch]]:
    """Look at all batches that were created and not collected yet."""
    for batch in plans.open_batches():
        if batch.batch_id is not None:
            yield batch, remotes.of(batch.terms).retrieve(batch.batch_id)


def _backend(settings: RunSettings) -> OpenAIBackend:
    from emogen.backends.openai import OpenAIBackend
    from emogen.opening import backend_of

    backend = backend_of(settings)
    # Azure's batches are made otherwise.
    if isinstance(backend, OpenAIBackend) and backend.name != "azure":
        return backend
    raise InputError(
        f"{settings.backend or 'no backend'} takes no batches",
        where="--backend",
        remedy="Name a model of OpenAI, or use `emogen generate`.",
    )


def _terms(settings: RunSettings, backend: OpenAIBackend) -> Terms:
    from emogen.batch.plans import Terms
    from emogen.prices import price_of

    price = price_of(backend.model, settings.prices)
    return Terms(
        model=backend.model,
        base_url=settings.model.base_url,
        api_key_env=settings.model.api_key_env,
        price=price.in_batch() if price else None,
    )


def _rows(
    settings: RunSettings,
    dataset: Dataset,
    backend: OpenAIBackend,
    folder: RunFolder | None,
    journal: Journal | None,
    plans: Plans | None,
) -> Rows:
    from emogen.batch.rows import Rows
    from emogen.judging import Judge, instruction
    from emogen.opening import renderer_of

    records = dataset.records()
    return Rows(
        folder.unchanged(records) if folder else records,
        [instruction(name) for name in settings.types],
        skip=folder.done if folder else (),
        backend=backend,
        renderer=renderer_of(settings),
        judge=Judge(settings.checks),
        corrections=settings.corrections,
        tokens_per_row=settings.limits.tokens_per_row,
        journal=journal,
        plans=plans,
    )


def _estimate(settings: RunSettings, limits: Limits) -> None:
    """Say what the requests would take; nothing is sent or written."""
    from emogen.batch.drafting import estimate, lines_of
    from emogen.batch.plans import Plans
    from emogen.journal import Journal
    from emogen.opening import dataset_of
    from emogen.store import BATCHES, JOURNAL

    backend, dataset = _backend(settings), dataset_of(settings)
    with ExitStack() as opened:
        known = {name: settings.out / name for name in (JOURNAL, BATCHES)} if settings.out else {}
        journal = (
            opened.enter_context(Journal(known[JOURNAL])) if known and known[JOURNAL].is_file() else None
        )
        plans = opened.enter_context(Plans(known[BATCHES])) if known and known[BATCHES].is_file() else None
        total = estimate(
            lines_of(_rows(settings, dataset, backend, None, journal, plans).missing(), backend), limits
        )
    show_remarks(dataset.remarks())
    if total.requests:
        _show_estimate(total, _terms(settings, backend), "would be submitted; nothing was sent")
    else:
        typer.echo("nothing is missing")


def _show_estimate(total: Estimate, terms: Terms, what: str) -> None:
    typer.echo(
        f"{total.requests:,} requests in {total.files} batches, {total.bytes / 1e6:.1f} MB, {what}\n"
        f"about {total.usage.prompt_tokens:,} prompt tokens and {total.usage.completion_tokens:,} answer tokens"
    )
    price = terms.price
    if price is None:
        typer.echo(f"cost unknown: no price for {terms.model}; give one with --prices FILE")
        return
    typer.echo(
        f"about {price.of(total.usage):.2f} and at most {price.of(total.most):.2f} {price.currency}, at the price of "
        f"a batch (prices as of {price.as_of})"
    )


def _submit(settings: RunSettings, limits: Limits, *, overwrite: bool) -> None:
    from emogen.batch.drafting import lines_of
    from emogen.batch.plans import Plans
    from emogen.batch.remote import Remotes
    from emogen.batch.submitting import submit as submit_lines
    from emogen.journal import Journal
    from emogen.manifest import manifest_of
    from emogen.opening import dataset_of, out_of, renderer_of
    from emogen.settings.keeping import kept
    from emogen.store import BATCHES, JOURNAL, RunFolder

    out, backend, dataset = out_of(settings), _backend(settings), dataset_of(settings)
    terms = _terms(settings, backend)
    manifest = manifest_of(settings, backend, renderer_of(settings))
    with (
        RunFolder(out, manifest, overwrite=overwrite) as folder,
        Journal(out / JOURNAL) as journal,
        Plans(out / BATCHES) as plans,
        Remotes() as remotes,
    ):
        total = submit_lines(
            lines_of(_rows(settings, dataset, backend, folder, journal, plans).missing(), backend),
            limits,
            plans,
            remotes,
            terms,
            settings=kept(settings, out),
            spent=journal.spent(terms.price.of if terms.price else None),
            max_cost=settings.limits.max_cost,
            on_planned=lambda total: (
                _show_estimate(total, terms, "are submitted") if total.requests else None
            ),
            on_launched=_show_batch,
        )
        is_waiting = bool(plans.open_batches())
        folder.ends_as = "submitted" if is_waiting else "stopped"
    show_remarks(dataset.remarks())
    if not total.requests:
        typer.echo(f"nothing {'else ' if is_waiting else ''}is missing")
    first = f"emogen batch status {out} --wait, then: " if is_waiting else ""
    typer.echo(f"next: {first}emogen batch collect {out}")


def _show_batch(batch: Batch) -> None:
    typer.echo(f"batch {batch.number} ({batch.batch_id}): {batch.requests:,} requests")


def _wait(plans: Plans, remotes: Remotes, every_s: float) -> None:
    """Look until all batches have ended; a provider that is out of reach for a while does not end the wait."""
    from emogen.backends import ThrottledError, TransientError

    batches = plans.open_batches()
    done = 0
    with progress("answered", sum(batch.requests for batch in batches)) as advance:
        while True:
            try:
                looks = list(_looks(plans, remotes))
            except (ThrottledError, TransientError) as error:
                advance(0, note=error.what)
            else:
                ended = [batch for batch, seen in looks if seen.ended]
                # Of a batch that has ended, nothing more will be answered.
                now = sum(
                    batch.requests if seen.ended else seen.completed + seen.failed for batch, seen in looks
                )
                advance(now - done, note=f"{len(ended)} of {len(looks)} batches have ended")
                done = now
                if len(ended) == len(looks):
                    return
            time.sleep(every_s)


def _show_status(run: Path, plans: Plans, remotes: Remotes) -> bool:
    """Print how the batches stand and what to do next; return whether all have ended."""
    from emogen.batch.plans import State

    looks = {batch.number: seen for batch, seen in _looks(plans, remotes)}
    for batch in plans.batches():
        seen = looks.get(batch.number)
        if seen is None:
            word = "collected" if batch.state == State.COLLECTED else f"not created ({batch.state})"
            typer.echo(f"batch {batch.number} ({batch.batch_id or 'no name'}): {word}")
        else:
            _show_look(batch, seen)
    is_over = all(seen.ended for seen in looks.values())
    if len(looks) < len(plans.open_batches()):
        typer.echo("a submission was cut off: run it again, and it goes on from there")
    if not is_over:
        typer.echo(f"next: emogen batch status {run} --wait")
    elif looks:
        typer.echo(f"next: emogen batch collect {run}")
    return is_over


def _show_look(batch: Batch, seen: RemoteBatch) -> None:
    failed = f", {seen.failed:,} failed" if seen.failed else ""
    typer.echo(
        f"batch {batch.number} ({seen.id}): {seen.status}, {seen.completed:,} of {batch.requests:,} answered{failed}"
    )
    for error in seen.errors[:SHOWN_LINES]:
        typer.echo(f"  {error}")


def _fetch(run: Path) -> None:
    """Put what ended batches answered into the journal; that needs no settings, records or prompts."""
    import asyncio

    from emogen.batch.collecting import collect as collect_batch
    from emogen.batch.remote import Remotes
    from emogen.batch.submitting import recover
    from emogen.journal import Journal
    from emogen.store import JOURNAL, locked

    with _plans(run) as plans, locked(run), Journal(run / JOURNAL) as journal, Remotes() as remotes:
        recover(plans, remotes)
        for batch, seen in _looks(plans, remotes):
            _show_look(batch, seen)
            if seen.ended:
                remote = remotes.of(batch.terms)
                _show_collection(asyncio.run(collect_batch(batch, seen, plans, journal, remote)))


def _show_collection(collection: Collection) -> None:
    reasons = ", ".join(f"{reason} {count}" for reason, count in collection.reasons().most_common())
    failed = f", {len(collection.failures):,} not answered ({reasons})" if collection.failures else ""
    typer.echo(f"  {len(collection.answered):,} answers are in the journal{failed}")
    if collection.garbled:
        typer.echo(f"  {len(collection.garbled)} lines could not be used: {collection.unread}", err=True)
        for detail in collection.garbled[:SHOWN_LINES]:
            typer.echo(f"    {detail}", err=True)


def _make_samples(run: Path) -> None:
    """Make samples of what the journal answers, and say what is missing."""
    from emogen.batch.rows import fill
    from emogen.journal import Journal
    from emogen.manifest import manifest_of
    from emogen.opening import dataset_of, renderer_of
    from emogen.settings.keeping import restored
    from emogen.store import JOURNAL, RunFolder

    with _plans(run) as plans:
        found = plans.settings()
        assert found is not None
        settings = restored(found, run)
        backend = _backend(settings)
        manifest = manifest_of(settings, backend, renderer_of(settings))
        dataset = dataset_of(settings)
        count = dataset.count()
        with RunFolder(run, manifest) as folder, Journal(run / JOURNAL) as journal:
            total = None if count is None else max(0, count * len(settings.types) - len(folder.done))
            with progress("reading", total) as advance:
                standing = fill(folder, _rows(settings, dataset, backend, folder, journal, plans), advance)
            if standing.waiting or standing.open:
                folder.ends_as = "submitted" if standing.waiting else "stopped"
            show_remarks(dataset.remarks())
            show_counts(folder.kept, folder.rejected)
            _show_spent(settings, backend, journal)
    _show_standing(run, standing)
    if standing.waiting:
        raise UnfinishedError(
            f"{standing.waiting:,} requests are in batches that have not ended",
            where=run,
            remedy=f"Collect again when they have: emogen batch status {run} --wait",
        )
    if not folder.kept.total():
        raise CheckFailedError("nothing was kept", where=run, remedy="The reasons are in rejections.jsonl.")


def _show_spent(settings: RunSettings, backend: OpenAIBackend, journal: Journal) -> None:
    price = _terms(settings, backend).price
    if price is not None:
        spent = journal.spent(price.of)
        typer.echo(f"cost so far {spent:.4f} {price.currency} (prices as of {price.as_of})")


def _show_standing(run: Path, standing: Standing) -> None:
    if not standing.open:
        return
    parts = [f"{reason} {count}" for reason, count in standing.failed.most_common()]
    parts += [f"correction of an unreadable answer {standing.corrections}"] if standing.corrections else []
    parts += [f"not asked {standing.unasked}"] if standing.unasked else []
    typer.echo(f"{standing.open:,} answers are missing: {', '.join(parts)}")
    typer.echo(
        "next: emogen batch submit with the same options takes them up, emogen generate asks them one by one"
    )
