"""Counts a run in one pass over its rows, and keeps of the rows only those that are shown or measured."""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from emogen.drawing import Draw, lot
from emogen.errors import InputError
from emogen.report.pace import Times
from emogen.report.rows import (
    ProvenanceRow,
    RecordRow,
    RejectionRow,
    SampleRow,
    TurnRow,
    rejection_rows,
    sample_rows,
)
from emogen.reviews import Reviews, read_reviews
from emogen.store import REJECTIONS, SAMPLES

__all__ = ["ATTRIBUTES", "EXAMPLES", "NO_EMOTION", "NO_REASON", "PIXELS", "Tally", "tally"]

NO_EMOTION: Final = "(no label)"
# Of a person who gave none.
NO_REASON: Final = "other"
ATTRIBUTES: Final = (
    "caption",
    "brightness",
    "colorfulness",
    "scene",
    "object",
    "facial_expression",
    "human_action",
)
PIXELS: Final = ("brightness", "colorfulness")
EXAMPLES: Final = 3
# Rows that are shown: of each instruction type and emotion, flag, or reason.
SHOWN_KEPT: Final = 4
SHOWN_REJECTED: Final = 6
# Turns that are measured, of each kind: how many different words there are depends on how many are counted.
MEASURED: Final = 1000
# Further emotions and reasons, which free labels may have any number of, are counted, but not shown.
SHOWN_GROUPS: Final = 200


class Tally:
    """What is counted of a run.

    Attributes:
        kept: (instruction type, emotion) → samples.
        rejected: (stage, reason, instruction type) → rejections.
        flags: (reason, instruction type) → samples.
        flagged: Samples with any flag.
        records: Ids of the records that any row is of.
        images: Image → turns about it.
        splits: Split → samples.
        origins: (field, where its value is from) → records.
        turns: Turns of a sample → samples.
        words: (kind of turn, `question` or `answer`) → number of words → turns.
        attributes: Emotion → attribute → records that have it; the records themselves under "".
        pixels: (emotion, `brightness` or `colorfulness`) → values, one a record.
        openings: (kind of turn, first two words of its question) → turns.
        labels: (kind of turn, how its answer speaks of the label) → turns.
        leaking: Kind of turn → turns whose question names the label.
        scores: (check, instruction type) → what it measured.
        models: Model → rows that were asked of it.
        formats: How answers were asked for → rows.
        finished: Finish reason → rows.
        asked: Rows for which a model was asked.
        estimated: Rows whose tokens are estimates.
        corrected: Rows whose model was shown what was wrong with its answer.
        prompt_tokens: Of the answers that became rows.
        completion_tokens: Likewise.
        cost: Of the rows whose cost is known.
        costed: How many these are.
        latencies: Seconds, in the order in which kept rows came.
        tokens: Of each answer, in the same order.
        times: When rows were answered.
        drawn: (instruction type, emotion), ("", flag), ("reject", a person's reason) or ("edit", "") → samples that are
            shown.
        refused: (reason, instruction type) → rejections that are shown.
        measured: Kind of turn → turns that are measured, with their records.
        known: Record id → record, of the rejections that are shown.
        reviews: What people decided about the samples.
        reviewed: What they came to → samples.
        rejected_by_people: (reason, instruction type) → samples.
        unflagged: Samples that no person rejects, and that have no flag; of an edited one, that the edit has none.
    """

    def __init__(self, seed: int, reviews: Reviews | None = None) -> None:
        self.seed = seed
        self.reviews = reviews or Reviews()
        self.reviewed: Counter[str] = Counter()
        self.rejected_by_people: Counter[tuple[str, str]] = Counter()
        self.kept: Counter[tuple[str, str]] = Counter()
        self.rejected: Counter[tuple[str, str, str]] = Counter()
        self.flags: Counter[tuple[str, str]] = Counter()
        self.records: set[str] = set()
        self.images: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self.origins: Counter[tuple[str, str]] = Counter()
        self.turns: Counter[int] = Counter()
        self.words: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
        self.attributes: dict[str, Counter[str]] = defaultdict(Counter)
        self.pixels: dict[tuple[str, str], array[float]] = defaultdict(lambda: array("d"))
        self.openings: Counter[tuple[str, str]] = Counter()
        self.labels: Counter[tuple[str, str]] = Counter()
        self.leaking: Counter[str] = Counter()
        self.scores: dict[tuple[str, str], array[float]] = defaultdict(lambda: array("d"))
        self.models: Counter[str] = Counter()
        self.formats: Counter[str] = Counter()
        self.finished: Counter[str] = Counter()
        self.flagged = self.unflagged = 0
        self.asked = self.estimated = self.corrected = self.costed = 0
        self.prompt_tokens = self.completion_tokens = 0
        self.cost = 0.0
        self.latencies = array("d")
        self.tokens = array("d")
        self.times = Times()
        self.drawn: dict[tuple[str, str], Draw[SampleRow]] = {}
        self.refused: dict[tuple[str, str], Draw[RejectionRow]] = {}
        self.measured: dict[str, Draw[tuple[TurnRow, RecordRow]]] = defaultdict(lambda: Draw(MEASURED))
        self.known: dict[str, RecordRow] = {}
        self._wanted: set[str] = set()
        self._described: set[str] = set()

    def add_rejection(self, row: RejectionRow) -> None:
        """Count one rejection; all of them come before the samples."""
        self.records.add(row.record_id)
        self.rejected[row.stage, row.reason, row.instruction] += 1
        if row.provenance is not None:
            self._asked_of(row.provenance)
        key = (row.reason, row.instruction)
        if key not in self.refused:
            if len(self.refused) >= SHOWN_GROUPS:
                return
            self.refused[key] = Draw(SHOWN_REJECTED)
        self.refused[key].offer(lot(self.seed, row.record_id), row)

    def close_rejections(self) -> None:
        """Say that no more rejections come: the records of those that are shown are looked for among the samples."""
        self._wanted = {row.record_id for draw in self.refused.values() for row in draw.rows()}

    def add_sample(self, row: SampleRow) -> None:
        """Count one sample."""
        record, drawn = row.record, lot(self.seed, row.record.id)
        emotion = record.emotion or NO_EMOTION
        self.kept[row.instruction, emotion] += 1
        self.splits[record.split or "(none)"] += 1
        self.images[record.image] += len(row.turns)
        self.turns[len(row.turns)] += 1
        self.flagged += bool(row.flags)
        self._take_verdict(row, drawn)
        for flag in row.flags:
            self.flags[flag, row.instruction] += 1
            self._draw(("", flag), drawn, row)
        for check, value in row.scores.items():
            self.scores[check, row.instruction].append(value)
        self._draw((row.instruction, emotion), drawn, row)
        if record.id not in self._described:
            self._describe(record, emotion)
        for turn in row.turns:
            self._add_turn(turn, record, drawn)
        if self._asked_of(row.provenance):
            self.latencies.append(row.provenance.latency_s)
            self.tokens.append(row.provenance.usage.completion_tokens)

    def _take_verdict(self, row: SampleRow, drawn: int) -> None:
        """Count what people came to about a sample."""
        verdict = self.reviews.verdict(row)
        flags = row.flags
        if verdict.decision is None or verdict.last is None:
            self.unflagged += not flags
            return
        self.reviewed[verdict.decision] += 1
        if verdict.decision == "reject":
            reason = verdict.last.reason or NO_REASON
            self.rejected_by_people[reason, row.instruction] += 1
            self._draw(("reject", reason), drawn, row)
            return
        if verdict.decision == "edit":
            flags = verdict.last.flags
            self._draw(("edit", ""), drawn, row)
        self.unflagged += not flags

    def example(self) -> SampleRow | None:
        """Return a sample that shows the most of what there is: of several turns, if there are such."""
        drawn = [row for draw in self.drawn.values() for row in draw.rows()]
        return max(drawn, key=lambda row: len(row.turns), default=None)

    def _draw(self, key: tuple[str, str], drawn: int, row: SampleRow) -> None:
        if key not in self.drawn:
            if len(self.drawn) >= SHOWN_GROUPS:
                return
            self.drawn[key] = Draw(SHOWN_KEPT)
        self.drawn[key].offer(drawn, row)

    def _describe(self, record: RecordRow, emotion: str) -> None:
        """Count what is known of an image, once for all its samples."""
        self._described.add(record.id)
        self.records.add(record.id)
        if record.id in self._wanted:
            self.known[record.id] = record
        has, known = self.attributes[emotion], record.attributes
        has[""] += 1
        for name in ATTRIBUTES:
            value: Any = record.caption if name == "caption" else getattr(known, name)
            if value is not None and value != ():
                has[name] += 1
                if name in PIXELS:
                    self.pixels[emotion, name].append(value)
        self.origins.update(record.origin.items())

    def _add_turn(self, turn: TurnRow, record: RecordRow, drawn: int) -> None:
        kind = turn.kind
        asked = turn.question.split()
        self.words[kind, "question"][len(asked)] += 1
        self.words[kind, "answer"][len(turn.answer.split())] += 1
        self.openings[kind, " ".join(asked[:2]).lower().strip(",.:;?!")] += 1
        self.measured[kind].offer(drawn, (turn, record))
        if record.emotion is None:
            return
        label = record.emotion.lower()
        named = _named(record.labels or (record.emotion,))(turn.answer.lower())
        if not named:
            self.labels[kind, "names none"] += 1
        elif named[-1] == label:
            self.labels[kind, "names it last"] += 1
        else:
            self.labels[kind, "names it, another last" if label in named else "names only others"] += 1
        # The categorical question lists the labels.
        if kind != "categorical" and label in _named(record.labels or (record.emotion,))(
            turn.question.lower()
        ):
            self.leaking[kind] += 1

    def _asked_of(self, by: ProvenanceRow) -> bool:
        """Count what was asked of a model; return whether one was."""
        if by.backend == "none":
            return False
        self.asked += 1
        self.times.add(by)
        self.models[by.model] += 1
        self.formats[by.answer_format or "(the backend's only way)"] += 1
        self.finished[by.finish_reason] += 1
        self.estimated += by.usage.estimated
        self.corrected += by.revision > 0
        self.prompt_tokens += by.usage.prompt_tokens
        self.completion_tokens += by.usage.completion_tokens
        if by.cost is not None:
            self.cost += by.cost
            self.costed += 1
        return True


@lru_cache(maxsize=1024)
def _named(labels: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Return what finds the labels that a text in lower case names, in its order."""
    longest_first = sorted((label.lower() for label in labels), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)").findall


def tally(run: Path, *, seed: int = 0, advance: Callable[[int], None] = lambda step: None) -> Tally:
    """Count the rows of a run folder; nothing is locked or written.

    Args:
        run: The run folder.
        seed: Draws other rows to be shown and measured.
        advance: Told after every thousand rows.

    Raises:
        InputError: there is no row, or one cannot be read.
    """
    counted = Tally(seed, read_reviews(run))
    rows = 0
    if not any((run / name).is_file() for name in (SAMPLES, REJECTIONS)):
        raise InputError("is no run folder", where=run, remedy="Name one that `emogen generate` made.")
    for rows, rejection in enumerate(rejection_rows(run), 1):
        counted.add_rejection(rejection)
        if rows % 1000 == 0:
            advance(1000)
    counted.close_rejections()
    for number, sample in enumerate(sample_rows(run), 1):
        counted.add_sample(sample)
        rows += 1
        if number % 1000 == 0:
            advance(1000)
    if not rows:
        raise InputError("holds no rows", where=run, remedy="Make some with `emogen generate`.")
    return counted
