"""How fast the work went, by the clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from emogen.counting import counted
from emogen.report.blocks import Block, Table
from emogen.report.charts import Chart
from emogen.report.figures import Figures
from emogen.report.pace import DAY, HOUR, MINUTE, Stretch
from emogen.report.sections.wording import UNKNOWN

__all__ = ["pace", "pauses", "when"]

# Stretches that are listed.
LISTED: Final = 20


def pace(run: Figures) -> Iterator[Block]:
    """Yield how many rows were answered a minute, when that was, and how long an answer took."""
    parts = run.pace.parts
    unit_s, unit = _unit(parts[-1].end_s if parts else 0)
    yield Chart(
        "Rows answered a minute",
        "Over the time at work, pauses left out: at each the line goes down to zero.",
        [part.end_s / unit_s for part in parts],
        {"rows a minute": [part.rows_per_minute for part in parts]},
        "rows a minute",
        "lines",
        f"{unit} at work",
    )
    yield Table(
        "Times at work",
        "Between pauses, UTC; of a batch, when it was collected.",
        ["from", "to", "rows", "a minute", "seconds an answer"],
        [_listed(stretch) for stretch in _longest(run.pace.stretches)],
    )
    yield _latency(run)


def when(run: Figures) -> str:
    """Return when the first and the last row were answered."""
    stretches = run.pace.stretches
    return f"{_date(stretches[0].begin)} to {_date(stretches[-1].end)} UTC" if stretches else UNKNOWN


def pauses(run: Figures) -> str:
    """Return how many pauses there were."""
    if not run.pace.stretches:
        return UNKNOWN
    return f"{len(run.pace.stretches) - 1:,} of more than {_length(run.pace.pause_s)}"


def _latency(run: Figures) -> Chart:
    """Return the seconds an answer took: by the clock, or in the order of the rows where any lacks its time."""
    if run.pace.parts and not run.pace.unknown:
        parts = [(part.end_s, part.latency_s) for part in run.pace.parts if part.latency_s is not None]
        unit_s, unit = _unit(parts[-1][0])
        places: list[float] = [end_s / unit_s for end_s, _ in parts]
        values = [latency_s for _, latency_s in parts]
        axis = f"{unit} at work"
    else:
        places = [part["rows"] for part in run.course]
        values = [part["latency_s"] for part in run.course]
        axis = "kept rows"
    return Chart(
        "Latency over the run",
        "Mean seconds from sending to the last byte, in equal parts of the time at work, or of the kept rows where "
        "some do not say when they were answered.",
        places,
        {"seconds": values},
        "seconds",
        "lines",
        axis,
    )


def _unit(longest_s: int) -> tuple[int, str]:
    if longest_s < 5 * MINUTE:
        return 1, "seconds"
    return (MINUTE, "minutes") if longest_s < 5 * HOUR else (HOUR, "hours")


def _longest(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Return those with the most rows, in the order of time."""
    most = sorted(stretches, key=lambda stretch: -stretch.rows)[:LISTED]
    return sorted(most, key=lambda stretch: stretch.begin)


def _listed(stretch: Stretch) -> list[object]:
    speed = stretch.rows_per_minute
    return [
        _date(stretch.begin),
        _date(stretch.end),
        stretch.rows,
        "–" if speed is None else f"{speed:,.1f}",
        f"{stretch.latency_s:.2f}",
    ]


def _date(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _length(seconds: int) -> str:
    if seconds < HOUR:
        return counted(seconds // MINUTE, "minute")
    return counted(seconds // HOUR, "hour") if seconds < DAY else counted(seconds // DAY, "day")
