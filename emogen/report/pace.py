"""How fast rows were answered, by the clock: the stretches of time in which work went on, and their parts."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from emogen.report.rows import ProvenanceRow

__all__ = ["Pace", "PacePart", "Stretch", "Times", "pace_of"]

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
# Without an answer for so long, the work is said to have paused. The first of these that leaves few stretches is taken.
PAUSES_S: Final = (10 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY)
MOST_STRETCHES: Final = 40
# Times are whole seconds: what lasted less is no measure of speed.
SHORTEST_S: Final = 5
# The work is told in about so many parts, whose length is one that people think in.
PARTS: Final = 60
LENGTHS_S: Final = (
    *(SHORTEST_S, 10, 15, 30),
    *(MINUTE * count for count in (1, 2, 5, 10, 15, 30)),
    *(HOUR * count for count in (1, 2, 3, 6, 12, 24)),
)


class Times:
    """When rows were answered, and how long each answer took; rows of before times were kept are only counted."""

    def __init__(self) -> None:
        self.unknown = 0
        self._at = array("q")
        self._latencies = array("d")

    def add(self, by: ProvenanceRow) -> None:
        """Count one row that a model answered."""
        if by.answered_at is None:
            self.unknown += 1
        else:
            self._at.append(by.answered_at)
            self._latencies.append(by.latency_s)

    def ordered(self) -> tuple[list[int], list[float]]:
        """Return the known seconds, ascending, and the latencies in the same order."""
        order = sorted(range(len(self._at)), key=self._at.__getitem__)
        return [self._at[place] for place in order], [self._latencies[place] for place in order]


@dataclass(frozen=True)
class Stretch:
    """A time in which work went on.

    Attributes:
        begin: When its first row was answered, in seconds since 1970 (UTC).
        end: When its last row was.
        rows: How many were.
        rows_per_minute: None where it lasted too short a time to say.
        latency_s: Mean seconds from sending to the last byte.
    """

    begin: int
    end: int
    rows: int
    rows_per_minute: float | None
    latency_s: float


@dataclass(frozen=True)
class PacePart:
    """A part of the work.

    Attributes:
        end_s: Where it ends, in seconds of work since the first answer: pauses are left out.
        rows_per_minute: How fast rows were answered; 0 where a pause follows.
        latency_s: Mean seconds from sending to the last byte; None where no row was answered.
    """

    end_s: int
    rows_per_minute: float
    latency_s: float | None


@dataclass(frozen=True)
class Pace:
    """How fast the rows of a run were answered.

    Attributes:
        unknown: Rows that do not say when they were.
        pause_s: Without an answer for longer, the work paused.
        stretches: The times between pauses.
        parts: The same, in parts of equal length; the last of a stretch may be shorter, or half as long again.
    """

    unknown: int
    pause_s: int
    stretches: Sequence[Stretch]
    parts: Sequence[PacePart]


def pace_of(times: Times) -> Pace:
    """Return how fast rows were answered."""
    at, latencies = times.ordered()
    sums = [0.0, *accumulate(latencies)]
    pause_s, bounds = _bounds(at)
    stretches = [
        Stretch(
            at[begin],
            at[end - 1],
            end - begin,
            _per_minute(end - begin, at[end - 1] - at[begin] + 1),
            (sums[end] - sums[begin]) / (end - begin),
        )
        for begin, end in bounds
    ]
    return Pace(times.unknown, pause_s, stretches, list(_parts(at, sums, bounds)))


def _bounds(at: Sequence[int]) -> tuple[int, list[tuple[int, int]]]:
    """Return what counts as a pause, and the first row of each stretch with the one after its last."""
    if not at:
        return PAUSES_S[0], []
    gaps = [later - earlier for earlier, later in pairwise(at)]
    for pause_s in PAUSES_S:
        begins = [0, *(place for place, gap in enumerate(gaps, 1) if gap > pause_s)]
        if len(begins) <= MOST_STRETCHES:
            return pause_s, list(pairwise([*begins, len(at)]))
    return at[-1] - at[0], [(0, len(at))]


def _per_minute(rows: int, seconds: int) -> float | None:
    return rows * MINUTE / seconds if seconds >= SHORTEST_S else None


def _parts(at: Sequence[int], sums: Sequence[float], bounds: Sequence[tuple[int, int]]) -> Iterator[PacePart]:
    # A stretch of a second or two would seem faster than anything was.
    spans = [max(SHORTEST_S, at[end - 1] - at[begin] + 1) for begin, end in bounds]
    length_s = _length_s(sum(spans))
    before_s = 0
    for number, ((begin, end), span_s) in enumerate(zip(bounds, spans, strict=True)):
        # A last part of less than half the length is one with the part before it.
        edges = [*range(0, max(1, span_s - length_s // 2), length_s), span_s]
        places = [bisect_left(at, at[begin] + edge, begin, end) for edge in edges]
        for (from_s, to_s), (first, last) in zip(pairwise(edges), pairwise(places), strict=True):
            rows = last - first
            latency_s = (sums[last] - sums[first]) / rows if rows else None
            yield PacePart(before_s + to_s, rows * MINUTE / (to_s - from_s), latency_s)
        before_s += span_s
        if number < len(bounds) - 1:
            yield PacePart(before_s, 0.0, None)


def _length_s(work_s: int) -> int:
    """Return how long a part is."""
    whole_days = DAY * -(-work_s // (PARTS * DAY))
    return next((length for length in LENGTHS_S if work_s <= PARTS * length), whole_days)
