"""Makes a run's samples anew from its journal, after a parser or a check has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, cast

from emogen.asking import Answered
from emogen.checks.settings import DEFAULT_CHECKS, CheckSettings
from emogen.errors import InputError
from emogen.instructions import AskedInstruction, DirectInstruction
from emogen.journal import Entry, Journal
from emogen.judging import Judge, Outcome, instruction, provenance_after
from emogen.marks import unmarked
from emogen.prompts import PromptRenderer
from emogen.schemas import ImageRecord, Provenance, Sample
from emogen.seeds import Seed
from emogen.settings import RunSettings
from emogen.settings.keeping import restored
from emogen.store import JOURNAL, SAMPLES, read_manifest, read_rejections, read_samples, rewrite

__all__ = ["answers", "rebuild"]


def rebuild(run: Path, checks: CheckSettings | None = None) -> tuple[Counter[str], Counter[str]]:
    """Make a run's samples anew from its journal, with the parsers and checks of today; nothing is asked.

    What needs no model is made anew from the records in the samples; rows that the journal does not know stay as
    they are. Rows that are not there come back where they were answered since the run began or was started anew: after
    `--overwrite` with fewer records, those of the run before stay away. Rows stand by record and instruction type
    afterwards: a second time changes nothing. What `emogen dedup` marked or removed is as it was before.

    Args:
        run: The run folder.
        checks: What each check leads to, and its thresholds, from now on; by default as the run was told.

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
    manifest = read_manifest(run) or {}
    told = restored(manifest["settings"], run) if manifest.get("settings") else None
    with Journal(path) as journal:
        judge = Judge(checks or (told.checks if told else DEFAULT_CHECKS), _seeds_of(manifest, told))
        outcomes = _rebuilt(run, journal, judge)
        return rewrite(run, outcomes, checks=checks.model_dump(mode="json") if checks else None)


def _seeds_of(manifest: Mapping[str, Any], told: RunSettings | None) -> Callable[[str], Sequence[Seed]]:
    """Return the seed examples that the manifest keeps; those that the run was told of, where it keeps none."""
    kept = manifest.get("seed_examples")
    if kept is None:
        return PromptRenderer(seeds=told.prompts.seeds if told else None).seeds
    return lambda instruction: [Seed.model_validate(seed) for seed in kept.get(instruction, ())]


def _rebuilt(run: Path, journal: Journal, judge: Judge) -> Iterator[Outcome]:
    answered: set[tuple[str, str]] = set()
    for key, chain in answers(run, journal):
        answered.add(key)
        yield _last_outcome(chain, judge)
    for sample in _rows_if_any(run):
        kind = instruction(sample.instruction)
        if not kind.asks_model:
            yield judge.direct(sample.record, cast(DirectInstruction, kind))
        elif (sample.record.id, sample.instruction) not in answered:
            yield unmarked(sample)
    for rejection in read_rejections(run):
        if (rejection.record_id, rejection.instruction) not in answered:
            yield rejection


def answers(run: Path, journal: Journal) -> Iterator[tuple[tuple[str, str], list[Entry]]]:
    """Yield each row that the journal can make anew, by record id and instruction type, with its answers."""
    manifest = read_manifest(run) or {}
    asked = _prompts_of_rows(run)
    new = journal.rows_after(manifest.get("answers_before", 0))
    for key, entries in groupby(journal.entries(), lambda entry: (entry.record_id, entry.instruction)):
        if key in asked or key in new:
            chain = _chain([entry for entry in entries if _belongs(entry, manifest, asked.get(key))])
            if chain:
                yield key, chain


def _prompts_of_rows(run: Path) -> dict[tuple[str, str], str]:
    """Return the hash of the prompt of each row that a model answered, by record id and instruction type."""
    prompts = {}
    for sample in _rows_if_any(run):
        prompts[sample.record.id, sample.instruction] = sample.provenance.prompt_sha256
    for rejection in read_rejections(run):
        if rejection.provenance is not None:
            prompts[rejection.record_id, rejection.instruction] = rejection.provenance.prompt_sha256
    return prompts


def _belongs(entry: Entry, manifest: dict[str, Any], prompt_sha256: str | None) -> bool:
    """Whether an answer is one of this run: a folder that was started anew keeps what the run before it paid for.

    The answer of a row that is there is one to the prompt that the row names.
    """
    provenance = entry.context["provenance"]
    return bool(
        prompt_sha256 in (None, provenance["prompt_sha256"])
        and provenance["model"] == manifest.get("model")
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
