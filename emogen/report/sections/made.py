"""What was made: the run in short, its samples by emotion and split, and what became of the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from emogen.counting import counted
from emogen.report.blocks import Block, Facts, Table
from emogen.report.charts import Chart
from emogen.report.figures import Figures
from emogen.report.sections.wording import UNKNOWN, money, percent

__all__ = ["funnel", "made", "overview"]

REASONS: Final = 12


def overview(run: Figures) -> Iterator[Block]:
    """Yield the run in short."""
    rows = run.samples + run.rejected
    yield Facts(
        "In short",
        "",
        {
            "samples": f"{run.samples:,}",
            "questions with answers": f"{run.turns:,}",
            "images": f"{run.images:,}",
            "records": f"{run.records:,}",
            "rejected rows": f"{run.rejected:,} ({percent(run.rejected / rows)})",
            "flagged samples": f"{run.flagged:,} ({percent(run.flagged / max(1, run.samples))})",
            "near-duplicates": "not looked for"
            if run.near_duplicates is None
            else f"{run.near_duplicates:,} flagged",
            "reviewed by people": _reviewed(run),
            "models": ", ".join(run.models) or "none was asked",
            "cost": money(run),
            "state": str(run.manifest.get("state", UNKNOWN)),
        },
    )


def _reviewed(run: Figures) -> str:
    if not run.reviewed:
        return "none"
    people = counted(run.reviewers, "person", "people")
    counts = ", ".join(
        f"{run.reviewed.get(decision, 0):,} {word}"
        for decision, word in (("accept", "accepted"), ("edit", "edited"), ("reject", "rejected"))
    )
    return f"{sum(run.reviewed.values()):,} by {people}: {counts}"


def made(run: Figures) -> Iterator[Block]:
    """Yield samples by emotion and split, and where the records' values are from."""
    emotions = sorted({emotion for counts in run.kept.values() for emotion in counts})
    yield Chart(
        "Samples by emotion",
        "How many samples of each instruction type there are for each emotion.",
        emotions,
        {kind: [counts.get(emotion, 0) for emotion in emotions] for kind, counts in run.kept.items()},
        "samples",
        "stacked",
    )
    yield Chart(
        "Samples by split",
        "How many samples are of images that are held out.",
        list(run.splits),
        {"samples": list(run.splits.values())},
        "samples",
    )
    yield Table(
        "Where the values are from",
        "Records by the origin of each of their values.",
        ["value", "from", "records"],
        [
            [field, origin, count]
            for field, origins in run.origins.items()
            for origin, count in origins.items()
        ],
    )


def funnel(run: Figures) -> Iterator[Block]:
    """Yield what is left after each step, and why the others are not."""
    yield Chart(
        "What is left after each step",
        "A row is a record and an instruction type.",
        list(run.funnel),
        {"rows": list(run.funnel.values())},
        "rows",
    )
    shown = run.reasons[:REASONS]
    kinds = sorted({kind for reason in shown for kind in reason.by_type})
    yield Chart(
        "Why rows were rejected",
        'Rejections by reason and instruction type, the most frequent reasons; those of people begin with "review".',
        [reason.told for reason in shown],
        {kind: [reason.by_type.get(kind, 0) for reason in shown] for kind in kinds},
        "rows",
        "stacked",
    )
    flags = run.flags[:REASONS]
    yield Chart(
        "What kept samples are flagged for",
        "A check noticed something that does not reject.",
        [flag.reason for flag in flags],
        {"samples": [flag.count for flag in flags]},
        "samples",
    )
