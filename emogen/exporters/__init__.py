"""Files that other people's trainers read: one format a file, each with the rules of its consumer.

Another package adds a format by one line under `[project.entry-points."emogen.exporters"]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from emogen.registry import Registry
from emogen.schemas import Sample

__all__ = ["EXPORTERS", "Exporter", "Problem", "Row"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """One rule of a consumer that a row breaks.

    Attributes:
        field: Where in the row, as one would write it in Python: `conversations[2].value`.
        rule: What must be, what was seen, and what the consumer does otherwise.
        remedy: What to do next, as an imperative sentence.
        place: The sample, or the file with line and row; empty while nobody knows it.
    """

    field: str
    rule: str
    remedy: str
    place: str = ""

    def at(self, place: str) -> Problem:
        """Return the same problem with its place."""
        return replace(self, place=place)

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        return f"{place}{self.field} {self.rule}. {self.remedy}"


class Exporter(Protocol):
    """One format: a file that is a JSON list of rows.

    Attributes:
        unique: The field whose value must not occur twice in a file, or None.
    """

    unique: str | None

    def rows(self, sample: Sample) -> Iterator[Row]:
        """Yield the rows of one sample, in dialogue order, their text unaltered."""
        ...

    def check_row(self, row: object) -> list[Problem]:
        """Return the consumer's rules that a row breaks, whoever wrote it; empty means that it loads."""
        ...


EXPORTERS: Final[Registry[Callable[[], Exporter]]] = Registry(
    "export format",
    "emogen.exporters",
    {
        "instructblip": "emogen.exporters.instructblip:InstructBlip",
        "llava": "emogen.exporters.llava:Llava",
    },
)
