"""Makes a run's samples anew from its journal, after a parser or a check has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, cast

from emogen.asking import Answered
from emogen.checks.settings import DEFAULT_CHECKS, CheckSettings
from emogen.errors import InputError
from emogen.instructions import AskedInstruction, DirectInstruction
from emogen.journal import Entry, Journal
from emogen.judging import Judge, Outcome, direct_outcome, instruction, provenance_after
from emogen.marks import unmarked
from emogen.schemas import ImageRecord, Provenance, Sample
from emogen.store import JOURNAL, SAMPLES, read_manifest, read_rejections, read_samples, rewrite

__all__ = ["answers", "rebuild"]


def rebuild(run: Path, checks: CheckSettings = DEFAULT_CHECKS) -> tuple[Counter[str], Counter[str]]:
    """Make a run's samples anew from its journal, with the parsers and checks of today; nothing is asked.

    What needs no model is made anew from the records in the samples; rows that the journal does not know stay as
    they are. Rows stand by record and instruction type afterwards: a second time changes nothing. What `emogen dedup`
    marked or removed is as it was before.

    Args:
        run: The run folder.
        checks: What each check leads to, and its thresholds.

    Returns:
        Counts of the kept by instruction type, and of the rejected by reason.

    Raises:
        InputError: there is no journal, or the folder cannot be written.
    """
    if not run.is_dir():
        raise InputError("no such run folder", where=run, remedy="Name one that `emogen generate` made.")
    path = run / JOURNAL
    if not path.is_file():
        raise InputError("has no journal", where=run, remedy="Name a run folder that asked a model.")
    with Journal(path) as journal:
        return rewrite(run, _rebuilt(run, journal, Judge(checks)))


def _rebuilt(run: Path, journal: Journal, judge: Judge) -> Iterator[Outcome]:
    manifest = read_manifest(run) or {}
    answered: set[tuple[str, str]] = set()
    for key, chain in answers(journal, manifest):
        answered.add(key)
        yield _last_outcome(chain, judge)
    for sample in _rows_if_any(run):
        kind = instruction(sample.instruction)
        if not kind.asks_model:
            yield direct_outcome(sample.record, cast(DirectInstruction, kind))
        elif (sample.record.id, sample.instruction) not in answered:
            yield unmarked(sample)
    for rejection in read_rejections(run):
        if (rejection.record_id, rejection.instruction) not in answered:
            yield rejection


def answers(journal: Journal, manifest: dict[str, Any]) -> Iterator[tuple[tuple[str, str], list[Entry]]]:
    """Yield each row that the journal can make anew, by record id and instruction type, with its answers."""
    for key, entries in groupby(journal.entries(), lambda entry: (entry.record_id, entry.instruction)):
        chain = _chain([entry for entry in entries if _belongs(entry, manifest)])
        if chain:
            yield key, chain


def _belongs(entry: Entry, manifest: dict[str, Any]) -> bool:
    """Whether an answer is one of this run: a folder that was started anew keeps what the run before it paid for."""
    provenance = entry.context["provenance"]
    return bool(
        provenance["model"] == manifest.get("model")
        and entry.context["parameters"] == manifest.get("parameters")
        and provenance["template_sha256"] == manifest.get("templates", {}).get(entry.instruction)
    )


def _chain(entries: Sequence[Entry]) -> list[Entry]:
    """Return the newest first request of a row with the corrections that followed it."""
    begins = [position for position, entry in enumerate(entries) if entry.revision == 0]
    return list(entries[begins[-1] :]) if begins else []


def _rows_if_any(run: Path) -> Iterator[Sample]:
    return read_samples(run) if (run / SAMPLES).is_file() else iter(())


def _last_outcome(entries: Sequence[Entry], judge: Judge) -> Outcome:
    """Return what came of a row: the first answer that is kept, or the last."""
    cost: float | None = None
    for entry in entries:
        record = ImageRecord.model_validate(entry.context["record"])
        before = Provenance.model_validate(entry.context["provenance"])
        cost = cost if entry.cost is None else (cost or 0.0) + entry.cost
        answer = Answered(entry.completion, entry.attempts, entry.cost, replayed=True)
        kind = cast(AskedInstruction, instruction(entry.instruction))
        outcome = judge(
            record, kind, entry.completion, provenance_after(before, answer, entry.revision, cost)
        )
        if isinstance(outcome, Sample):
            return outcome
    return outcome
