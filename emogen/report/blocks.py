"""What a section of a report is made of: facts, tables and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emogen.report.charts import Chart

__all__ = ["Block", "Facts", "Section", "Table"]


@dataclass(frozen=True)
class Facts:
    """Names and values; several runs stand in columns of one table."""

    title: str
    note: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """Rows of cells, the first of each a heading; where `heat`, shares are shaded by their value."""

    title: str
    note: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    heat: bool = False

    def is_words(self, place: int) -> bool:
        """Whether a column holds words, and no numbers written out."""
        first = self.rows[0][place] if self.rows else ""
        return isinstance(first, str) and not first[:1].isdigit() and first != "–"


Block = Facts | Table | Chart


@dataclass(frozen=True)
class Section:
    """A part of the report under one heading."""

    id: str
    title: str
    blocks: Sequence[Block]
