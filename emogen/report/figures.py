"""What is said of a run: plain numbers by name, the same on the page, in the card and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Final

from emogen.marks import NEAR_DUPLICATE
from emogen.report.pace import Pace, pace_of
from emogen.report.tally import ATTRIBUTES, PIXELS, Tally

__all__ = ["Figures", "Reason", "Spread", "figures_of", "spread_of", "told_reason"]

# The stage of what people reject, beside those of `emogen.schemas.Rejection`.
BY_PEOPLE: Final = "review"
STEPS: Final = {
    "prompt": "could be asked about",
    "backend": "got an answer",
    "parse": "could be read",
    "check": "passed the checks",
}
OPENINGS: Final = 12
COURSE_PARTS: Final = 40


@dataclass(frozen=True)
class Spread:
    """How values lie: 5%, 25%, ... of them are at most so high."""

    count: int
    mean: float
    p5: float
    p25: float
    median: float
    p75: float
    p95: float
    highest: float


@dataclass(frozen=True)
class Reason:
    """Why rows were rejected, or samples flagged, and how many by instruction type."""

    reason: str
    stage: str
    count: int
    by_type: Mapping[str, int]

    @property
    def told(self) -> str:
        """The reason, with what sets those of people apart."""
        return told_reason(self.reason) if self.stage == BY_PEOPLE else self.reason


def told_reason(reason: str) -> str:
    """Return how a person's reason to reject is named among those of the checks."""
    return f"{BY_PEOPLE}: {reason}"


@dataclass(frozen=True)
class Figures:
    """The numbers of one run.

    Attributes:
        name: The run folder's.
        manifest: The run's manifest, without the seed examples; empty where there is none.
        records: Records that any row is of.
        images: Images of the samples.
        samples: Kept rows.
        rejected: Rows that were not kept, those aside that people reject.
        flagged: Samples that a check noticed something about.
        turns: Questions with their answers.
        kept: Instruction type → emotion → samples.
        splits: Split → samples.
        funnel: Step → rows that are left after it, in order.
        reasons: Why rows were rejected, by the program or by people, the most frequent first.
        flags: What samples are flagged for, likewise.
        near_duplicates: How many samples are flagged as such; None where they were not looked for.
        reviewers: How many people decided about any sample.
        reviewed: What they came to (`accept`, `reject`, `edit`) → samples.
        words: Kind of turn → `question` or `answer` → number of words.
        word_counts: The same → number of words → turns.
        turns_per_sample: Turns → samples.
        turns_per_image: Turns → images.
        attributes: Emotion → attribute → share of records that have it.
        records_by_emotion: Emotion → records of the samples.
        pixels: Emotion → `brightness` and `colorfulness` of its records.
        origins: Field → where its values are from → records.
        openings: Kind of turn → the most frequent first two words of its questions → turns.
        labels: Kind of turn → how its answers speak of the label → turns.
        leaking: Kind of turn → turns whose question names the label.
        scores: Check → instruction type → what it measured.
        unsupported: Instruction type → share of measured samples with any claim that nothing supports.
        asked: Rows for which a model was asked.
        models: Model → rows.
        formats: How answers were asked for → rows.
        finished: Finish reason → rows.
        corrected: Rows with an answer that was corrected.
        estimated: Rows whose tokens are estimates.
        prompt_tokens: Of all rows.
        completion_tokens: Likewise.
        cost: Of the rows whose price is known; None where that is none.
        unpriced: Rows that a model was asked for at an unknown price.
        latency_s: Seconds from sending to the last byte, of kept rows.
        pace: How fast rows were answered, by the clock.
        course: Mean latency and answer tokens, in equal parts, in the order in which kept rows came.
    """

    name: str
    manifest: Mapping[str, Any]
    records: int
    images: int
    samples: int
    rejected: int
    flagged: int
    turns: int
    kept: Mapping[str, Mapping[str, int]]
    splits: Mapping[str, int]
    funnel: Mapping[str, int]
    reasons: Sequence[Reason]
    flags: Sequence[Reason]
    near_duplicates: int | None
    reviewers: int
    reviewed: Mapping[str, int]
    words: Mapping[str, Mapping[str, Spread]]
    word_counts: Mapping[str, Mapping[str, Mapping[int, int]]]
    turns_per_sample: Mapping[int, int]
    turns_per_image: Mapping[int, int]
    attributes: Mapping[str, Mapping[str, float]]
    records_by_emotion: Mapping[str, int]
    pixels: Mapping[str, Mapping[str, Spread]]
    origins: Mapping[str, Mapping[str, int]]
    openings: Mapping[str, Mapping[str, int]]
    labels: Mapping[str, Mapping[str, int]]
    leaking: Mapping[str, int]
    scores: Mapping[str, Mapping[str, Spread]]
    unsupported: Mapping[str, float]
    asked: int
    models: Mapping[str, int]
    formats: Mapping[str, int]
    finished: Mapping[str, int]
    corrected: int
    estimated: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    unpriced: int
    latency_s: Spread | None
    pace: Pace
    course: Sequence[Mapping[str, float]]


def figures_of(name: str, counted: Tally, manifest: Mapping[str, Any] | None) -> Figures:
    """Return the figures of a run.

    Args:
        name: The run folder's name.
        counted: Its rows.
        manifest: Its manifest, where it has one.
    """
    said = {key: value for key, value in (manifest or {}).items() if key != "seed_examples"}
    samples = sum(counted.kept.values())
    emotions = sorted(counted.attributes)
    return Figures(
        name=name,
        manifest=said,
        records=len(counted.records),
        images=len(counted.images),
        samples=samples,
        rejected=sum(counted.rejected.values()),
        flagged=counted.flagged,
        turns=sum(counted.images.values()),
        kept=_nested(counted.kept),
        splits=dict(sorted(counted.splits.items())),
        funnel=_funnel(counted, samples),
        reasons=_reasons({**counted.rejected, **_by_people(counted)}),
        flags=_reasons({("check", *key): count for key, count in counted.flags.items()}),
        near_duplicates=_near_duplicates(counted, said),
        reviewers=len(counted.reviews.reviewers()),
        reviewed=dict(sorted(counted.reviewed.items())),
        words={kind: {of: _counted(counts) for of, counts in parts} for kind, parts in _by_kind(counted)},
        word_counts={
            kind: {of: dict(sorted(counts.items())) for of, counts in parts}
            for kind, parts in _by_kind(counted)
        },
        turns_per_sample=dict(sorted(counted.turns.items())),
        turns_per_image=dict(sorted(Counter(counted.images.values()).items())),
        attributes={emotion: _coverage(counted.attributes[emotion]) for emotion in emotions},
        records_by_emotion={emotion: counted.attributes[emotion][""] for emotion in emotions},
        pixels={emotion: _pixels(counted, emotion) for emotion in emotions},
        origins=_nested(counted.origins),
        openings={
            kind: dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:OPENINGS])
            for kind, counts in _nested(counted.openings).items()
        },
        labels=_nested(counted.labels),
        leaking=dict(sorted(counted.leaking.items())),
        scores=_nested({key: spread_of(values) for key, values in counted.scores.items()}),
        unsupported={
            kind: sum(value > 0 for value in values) / len(values)
            for (check, kind), values in sorted(counted.scores.items())
            if check == "ungrounded"
        },
        asked=counted.asked,
        models=dict(counted.models.most_common()),
        formats=dict(counted.formats.most_common()),
        finished=dict(counted.finished.most_common()),
        corrected=counted.corrected,
        estimated=counted.estimated,
        prompt_tokens=counted.prompt_tokens,
        completion_tokens=counted.completion_tokens,
        cost=counted.cost if counted.costed else None,
        unpriced=counted.asked - counted.costed,
        latency_s=spread_of(counted.latencies) if counted.latencies else None,
        pace=pace_of(counted.times),
        course=_course(counted),
    )


def spread_of(values: Iterable[float]) -> Spread:
    """Return how some values lie; each quantile is one of them."""
    ordered = sorted(values)
    return _spread(len(ordered), sum(ordered), lambda place: ordered[place])


def _counted(counts: Mapping[int, int]) -> Spread:
    """Return how values lie of which each has so many copies."""
    ordered = sorted(counts.items())
    total = sum(counts.values())

    def at(place: int) -> float:
        for value, count in ordered:
            place -= count
            if place < 0:
                return value
        raise IndexError

    return _spread(total, sum(value * count for value, count in ordered), at)


def _spread(count: int, total: float, at: Any) -> Spread:
    def quantile(share: float) -> float:
        return float(at(min(count - 1, int(share * count))))

    return Spread(
        count=count,
        mean=total / count,
        p5=quantile(0.05),
        p25=quantile(0.25),
        median=quantile(0.5),
        p75=quantile(0.75),
        p95=quantile(0.95),
        highest=float(at(count - 1)),
    )


def _nested(pairs: Mapping[tuple[str, str], Any]) -> dict[str, dict[str, Any]]:
    ordered = sorted(pairs.items())
    return {
        outer: {inner: value for (_, inner), value in group}
        for outer, group in groupby(ordered, key=lambda pair: pair[0][0])
    }


def _by_kind(counted: Tally) -> list[tuple[str, list[tuple[str, Counter[int]]]]]:
    return [(kind, list(parts.items())) for kind, parts in _nested(counted.words).items()]


def _funnel(counted: Tally, samples: int) -> dict[str, int]:
    left = samples + sum(counted.rejected.values())
    steps = {"rows": left}
    for stage, step in STEPS.items():
        left -= sum(count for (at, _, _), count in counted.rejected.items() if at == stage)
        steps[step] = left
    if counted.reviews:
        left -= counted.reviewed["reject"]
        steps["no reviewer rejects"] = left
    return {**steps, "have no flag": counted.unflagged}


def _by_people(counted: Tally) -> dict[tuple[str, str, str], int]:
    return {(BY_PEOPLE, *key): count for key, count in counted.rejected_by_people.items()}


def _reasons(counts: Mapping[tuple[str, str, str], int]) -> list[Reason]:
    grouped: dict[tuple[str, str], dict[str, int]] = {}
    for (stage, reason, kind), count in sorted(counts.items()):
        grouped.setdefault((stage, reason), {})[kind] = count
    reasons = [
        Reason(reason, stage, sum(kinds.values()), kinds) for (stage, reason), kinds in grouped.items()
    ]
    return sorted(reasons, key=lambda found: (-found.count, found.reason))


def _near_duplicates(counted: Tally, manifest: Mapping[str, Any]) -> int | None:
    flagged = sum(count for (flag, _), count in counted.flags.items() if flag == NEAR_DUPLICATE)
    return flagged if flagged or "dedup" in manifest else None


def _coverage(has: Counter[str]) -> dict[str, float]:
    return {name: has[name] / has[""] for name in ATTRIBUTES}


def _pixels(counted: Tally, emotion: str) -> dict[str, Spread]:
    values = {name: counted.pixels.get((emotion, name)) for name in PIXELS}
    return {name: spread_of(found) for name, found in values.items() if found}


def _course(counted: Tally) -> list[dict[str, float]]:
    rows = len(counted.latencies)
    parts = min(COURSE_PARTS, rows)
    edges = [rows * part // parts for part in range(parts + 1)] if parts else []
    return [
        {
            "rows": end,
            "latency_s": sum(counted.latencies[begin:end]) / (end - begin),
            "answer_tokens": sum(counted.tokens[begin:end]) / (end - begin),
        }
        for begin, end in pairwise(edges)
    ]
