"""The rules of a whole file: each row's own, and what must not occur twice."""

from __future__ import annotations

from collections.abc import Hashable

from emogen.errors import shorten
from emogen.exporters import Exporter, PlacedRow, Problem

__all__ = ["RowCheck"]


class RowCheck:
    """Checks the rows of one file."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._seen: dict[Hashable, str] = {}

    def problems(self, placed: PlacedRow) -> list[Problem]:
        """Return what is wrong with a row among those that came before it."""
        place, row = placed.place, placed.row
        found = (*placed.problems, *self._exporter.check_row(row))
        problems = [problem.at(place) for problem in found]
        key = self._key(row)
        if key is None:
            return problems
        first = self._seen.setdefault(key, place)
        if first is not place:
            name = str(self._exporter.unique)
            rule = f"must occur once: {shorten(key, 40)} is that of {first} too"
            problems.append(Problem(name, rule, "Give each row its own.", place))
        return problems

    def _key(self, row: object) -> Hashable | None:
        if self._exporter.unique is None or not isinstance(row, dict):
            return None
        value = row.get(self._exporter.unique)
        return value if isinstance(value, int | str) else None
