"""`emogen batch collect`: answers into the journal, then samples of them."""

from __future__ import annotations

from pathlib import Path

from emogen.batch.collecting import Collection, collect
from emogen.batch.plans import Plans
from emogen.batch.remote import Remotes
from emogen.batch.rows import Standing, fill
from emogen.batch.submitting import recover
from emogen.cli_batch.looking import SHOWN_LINES, show_look
from emogen.cli_batch.opened import backend_for, looks, plans_of, rows_of, terms_of
from emogen.errors import CheckFailedError, InputError, UnfinishedError
from emogen.event_loop import run as run_to_end
from emogen.journal import Journal
from emogen.lock import locked
from emogen.manifest import manifest_of
from emogen.opening import dataset_of, renderer_of
from emogen.settings import RunSettings
from emogen.settings.keeping import restored
from emogen.store import JOURNAL, RunFolder, read_manifest
from emogen.terminal import progress, say, show_counts, show_json, show_remarks

__all__ = ["fetch", "make_samples"]


def fetch(run: Path) -> None:
    """Put what ended batches answered into the journal; that needs no settings, records or prompts."""
    with plans_of(run) as plans, locked(run), Journal(run / JOURNAL) as journal, Remotes() as remotes:
        recover(plans, remotes)
        for batch, seen in looks(plans, remotes):
            show_look(batch, seen)
            if seen.ended:
                remote = remotes.of(batch.terms)
                _show_collection(run_to_end(collect(batch, seen, plans, journal, remote)))


def _show_collection(collection: Collection) -> None:
    reasons = ", ".join(f"{reason} {count}" for reason, count in collection.reasons().most_common())
    failed = f", {len(collection.failures):,} not answered ({reasons})" if collection.failures else ""
    say(f"  {len(collection.answered):,} answers are in the journal{failed}")
    if collection.estimated:
        say(f"  of {collection.estimated:,} the provider did not count the tokens: their cost is an estimate")
    if collection.garbled:
        say(f"  {len(collection.garbled)} lines could not be used: {collection.unread}", err=True)
        for detail in collection.garbled[:SHOWN_LINES]:
            say(f"    {detail}", err=True)


def make_samples(run: Path, *, as_json: bool = False) -> None:
    """Make samples of what the journal answers, and say what is missing.

    Raises:
        UnfinishedError: some requests are in batches that have not ended.
        CheckFailedError: nothing was kept.
    """
    with plans_of(run) as plans:
        standing, folder = _filled(run, _settings(run), plans)
    _show_standing(standing)
    if as_json:
        show_json({"out": run, "kept": folder.kept, "rejected": folder.rejected, "missing": standing})
    if standing.waiting:
        raise UnfinishedError(
            f"{standing.waiting:,} requests are in batches that have not ended",
            where=run,
            remedy=f"Collect again when they have: emogen batch status {run} --wait",
        )
    if not folder.kept.total():
        raise CheckFailedError("nothing was kept", where=run, remedy="The reasons are in rejections.jsonl.")


def _settings(run: Path) -> RunSettings:
    """Return what the run was told when it was submitted."""
    manifest = read_manifest(run) or {}
    if "settings" not in manifest:
        raise InputError(
            "the manifest does not say what was submitted",
            where=run,
            remedy="The answers are in the journal: run `emogen generate` with the same options.",
        )
    return restored(manifest["settings"], run)


def _filled(run: Path, settings: RunSettings, plans: Plans) -> tuple[Standing, RunFolder]:
    """Fill the run folder; return what is missing, and the folder with its counts."""
    backend, dataset = backend_for(settings), dataset_of(settings)
    manifest = manifest_of(settings, backend, renderer_of(settings))
    count = dataset.count()
    with RunFolder(run, manifest) as folder, Journal(run / JOURNAL) as journal:
        total = None if count is None else max(0, count * len(settings.types) - len(folder.done))
        with progress("reading", total) as advance:
            standing = fill(folder, rows_of(settings, dataset, backend, folder, journal, plans), advance)
        if standing.waiting or standing.open:
            folder.ends_as = "submitted" if standing.waiting else "stopped"
        show_remarks(dataset.remarks())
        show_counts(folder.kept, folder.rejected)
        if price := terms_of(settings, backend).price:
            spent = journal.spent(price.of)
            say(f"cost so far {spent:.4f} {price.currency} (prices as of {price.as_of})")
    return standing, folder


def _show_standing(standing: Standing) -> None:
    if not standing.open:
        return
    parts = [f"{reason} {count}" for reason, count in standing.failed.most_common()]
    parts += [f"correction of an unreadable answer {standing.corrections}"] if standing.corrections else []
    parts += [f"not asked {standing.unasked}"] if standing.unasked else []
    say(f"{standing.open:,} answers are missing: {', '.join(parts)}")
    say("next: emogen batch submit with the same options takes them up, emogen generate asks them one by one")
