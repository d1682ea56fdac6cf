"""Makes a run's samples anew from its journal, after a parser or a check has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, cast

from emogen.asking import Answered
from emogen.checks.settings import DEFAULT_CHECKS, CheckSettings
from emogen.dialogue import Hearing
from emogen.errors import InputError
from emogen.instructions import AskedInstruction, DirectInstruction
from emogen.journal import Journal
from emogen.journal_entry import Entry
from emogen.judging import Judge, Outcome, instruction
from emogen.marks import unmarked
from emogen.prompts import PromptRenderer
from emogen.schemas import ImageRecord, Provenance, Sample
from emogen.seeds import Seed
from emogen.settings import DEFAULT_CORRECTIONS, DEFAULT_TOKENS_PER_ROW, RunSettings
from emogen.settings.keeping import restored
from emogen.store import JOURNAL, SAMPLES, read_manifest, read_rejections, read_samples, rewrite

__all__ = ["answers", "judge_of", "rebuild"]

OpenHearing = Callable[[Entry], Hearing]


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
    told = _told(run, manifest)
    with Journal(path) as journal:
        judge = _judge(manifest, told, checks)
        outcomes = _rebuilt(run, journal, judge, _hearings(manifest, told, judge))
        return rewrite(run, outcomes, checks=checks.model_dump(mode="json") if checks else None)


def judge_of(run: Path) -> Judge:
    """Return what judges answers as a run was told to.

    Raises:
        InputError: the manifest cannot be read.
    """
    manifest = read_manifest(run) or {}
    return _judge(manifest, _told(run, manifest), None)


def _told(run: Path, manifest: Mapping[str, Any]) -> RunSettings | None:
    return restored(manifest["settings"], run) if manifest.get("settings") else None


def _judge(manifest: Mapping[str, Any], told: RunSettings | None, checks: CheckSettings | None) -> Judge:
    return Judge(checks or (told.checks if told else DEFAULT_CHECKS), _seeds_of(manifest, told))


def _seeds_of(manifest: Mapping[str, Any], told: RunSettings | None) -> Callable[[str], Sequence[Seed]]:
    """Return the seed examples that the manifest keeps; those that the run was told of, where it keeps none."""
    kept = manifest.get("seed_examples")
    if kept is None:
        return PromptRenderer(seeds=told.prompts.seeds if told else None).seeds
    return lambda instruction: [Seed.model_validate(seed) for seed in kept.get(instruction, ())]


def _rebuilt(run: Path, journal: Journal, judge: Judge, open_hearing: OpenHearing) -> Iterator[Outcome]:
    answered: set[tuple[str, str]] = set()
    for key, chain, is_there in _answered(run, journal):
        answered.add(key)
        hearing = _heard(chain, open_hearing)
        # A row that waits for its correction is not over: the run asks for it when it goes on.
        if hearing.outcome and (hearing.wrong is None or is_there):
            yield hearing.outcome
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
    return ((key, chain) for key, chain, _ in _answered(run, journal))


def _answered(run: Path, journal: Journal) -> Iterator[tuple[tuple[str, str], list[Entry], bool]]:
    """Yield each row that the journal can make anew, with its answers, and whether it is there already."""
    manifest = read_manifest(run) or {}
    asked = _prompts_of_rows(run)
    new = journal.rows_after(manifest.get("answers_before", 0))
    for key, entries in groupby(journal.entries(), lambda entry: (entry.record_id, entry.instruction)):
        if key in asked or key in new:
            chain = _chain([entry for entry in entries if _belongs(entry, manifest, asked.get(key))])
            if chain:
                yield key, chain, key in asked


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


def _hearings(manifest: Mapping[str, Any], told: RunSettings | None, judge: Judge) -> OpenHearing:
    """Return what opens the hearing of a row, by the rules of the run."""
    corrections = told.corrections if told else DEFAULT_CORRECTIONS
    if not manifest.get("takes_corrections", True):
        corrections = 0
    tokens_per_row = told.limits.tokens_per_row if told else DEFAULT_TOKENS_PER_ROW

    def opened(first: Entry) -> Hearing:
        record = ImageRecord.model_validate(first.context["record"])
        before = Provenance.model_validate(first.context["provenance"])
        kind = cast(AskedInstruction, instruction(first.instruction))
        return Hearing(record, kind, before, judge, corrections, tokens_per_row)

    return opened


def _heard(entries: Sequence[Entry], open_hearing: OpenHearing) -> Hearing:
    """Return the hearing of a row after the first answer that is kept, or the last."""
    hearing = open_hearing(entries[0])
    for entry in entries:
        hearing.take(Answered.kept(entry), entry.revision)
        if isinstance(hearing.outcome, Sample):
            break
    return hearing
