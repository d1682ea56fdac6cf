"""The rules of a whole file: each row's own, and what must not occur twice."""

from __future__ import annotations

from collections.abc import Hashable

from emogen.errors import shorten
from emogen.exporters import Exporter, Problem

__all__ = ["RowCheck"]


class RowCheck:
    """Checks the rows of one file. Export and validation share it, so that they cannot disagree."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._seen: dict[Hashable, str] = {}

    def problems(self, row: object, place: str) -> list[Problem]:
        """Return what is wrong with a row among those remembered so far."""
        problems = [problem.at(place) for problem in self._exporter.check_row(row)]
        key = self._key(row)
        if key is not None and key in self._seen:
            name = str(self._exporter.unique)
            rule = f"must occur once: {shorten(key, 40)} is that of {self._seen[key]} too"
            problems.append(Problem(name, rule, "Give each row its own.", place))
        return problems

    def remember(self, row: object, place: str) -> None:
        """Count a row as one of the file's."""
        key = self._key(row)
        if key is not None:
            self._seen.setdefault(key, place)

    def _key(self, row: object) -> Hashable | None:
        if self._exporter.unique is None or not isinstance(row, dict):
            return None
        value = row.get(self._exporter.unique)
        return value if isinstance(value, int | str) else None
