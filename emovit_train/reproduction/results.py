"""What came of an experiment, written as Markdown, CSV and a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from emogen.atomic import writable_folder, write_text
from emovit_train.evaluation.pictures import Bar, draw_bars
from emovit_train.evaluation.tables import as_csv, as_markdown, markdown_table
from emovit_train.reproduction.cells import Cell
from emovit_train.reproduction.measures import Measure
from emovit_train.reproduction.recipe import Recipe

__all__ = ["TABLE", "Results"]

TABLE: Final = "table"


@dataclass(frozen=True)
class Results:
    """An experiment's results, as far as they are there.

    Attributes:
        recipe: The experiment.
        measure: What the first table holds.
        cells: The first table.
        tables: Name → further tables.
        missing: What would be needed for the rest.
        notes: What must be known of the images and answers.
        is_something: Whether anything could be asked at all.
    """

    recipe: Recipe
    measure: Measure
    cells: Sequence[Cell]
    tables: Mapping[str, Sequence[BaseModel]] = field(default_factory=dict)
    missing: Sequence[str] = ()
    notes: Sequence[str] = ()
    is_something: bool = True

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    def figures(self) -> dict[str, Any]:
        """Return the tables, what is missing and what must be known, as plain data."""
        return {
            "title": self.recipe.title,
            "measure": self.measure.title,
            "cells": [cell.model_dump() for cell in self.cells],
            "tables": {name: [row.model_dump() for row in rows] for name, rows in self.tables.items()},
            "missing": list(self.missing),
            "notes": list(self.notes),
        }

    def markdown(self) -> str:
        """Return the first table and what belongs to it, as a Markdown document."""
        parts = [f"# {self.recipe.title}", self.recipe.paper, self.recipe.about.strip(), self.measure.about]
        parts.append(self._how())
        parts += [markdown_table(*self._grid())]
        if self.missing:
            parts += ["## Missing", _listed(self.missing)]
        if self.notes:
            parts += ["## Notes", _listed(self.notes)]
        return "\n\n".join(part for part in parts if part)

    def write(self, folder: Path) -> None:
        """Write table.md, table.csv and table.png, and each further table as CSV and into table.md.

        Raises:
            InputError: the folder cannot be written.
            MissingExtraError: matplotlib is not installed.
        """
        writable_folder(folder)
        further = {name: rows for name, rows in self.tables.items() if rows}
        whole = [self.markdown(), *(f"## {name}\n\n{as_markdown(rows)}" for name, rows in further.items())]
        write_text(folder / f"{TABLE}.md", "\n\n".join(whole) + "\n")
        write_text(folder / f"{TABLE}.csv", as_csv(self.cells))
        for name, rows in further.items():
            write_text(folder / f"{name}.csv", as_csv(rows))
        draw_bars(
            list(self._bars()),
            folder / f"{TABLE}.png",
            title=", ".join(filter(None, (self.recipe.title, self.recipe.paper))),
            measure=self.measure.title,
        )

    def _how(self) -> str:
        """Return in one line how it was asked and read."""
        told = ", ".join(each.name for each in self.recipe.instructions)
        orders = (
            f", each also in {len(self.recipe.orders)} other orders of options" if self.recipe.orders else ""
        )
        whole = "In brackets: 95% bootstrap intervals over images." if self.measure.share else ""
        return f"Instructions: {told}{orders}. Answers read: {self.recipe.reading}. {whole}".rstrip()

    def _grid(self) -> tuple[list[str], list[list[str]]]:
        """Return the heading, and a line of texts for each arm."""
        columns = list(dict.fromkeys(cell.dataset for cell in self.cells))
        lines: dict[str, dict[str, Cell]] = {}
        for cell in self.cells:
            lines.setdefault(cell.name, {})[cell.dataset] = cell
        return ["", *columns], [
            [name, *(self._shown(found.get(column)) for column in columns)] for name, found in lines.items()
        ]

    def _shown(self, cell: Cell | None) -> str:
        """Return ours with its interval, and what is printed: `83.1 [82.5, 83.6], printed 83.36 (+41.16)`."""
        if cell is None:
            return ""
        ours = ""
        if cell.value is not None:
            ours = self._number(cell.value)
            if cell.low is not None and cell.high is not None:
                ours += f" [{self._number(cell.low)}, {self._number(cell.high)}]"
            if cell.gain is not None:
                ours += f" ({self._number(cell.gain, sign=True)})"
        elif cell.reading:
            ours = "missing" if cell.missing else "undefined"
        theirs = ""
        if cell.printed is not None:
            theirs = f"printed {cell.printed * 100:.2f}"
            if cell.printed_gain is not None:
                theirs += f" ({cell.printed_gain * 100:+.2f})"
        return ", ".join(filter(None, (ours, theirs)))

    def _number(self, value: float, *, sign: bool = False) -> str:
        plus = "+" if sign else ""
        return format(value * 100, f"{plus}.1f") if self.measure.share else format(value, f"{plus}.3f")

    def _bars(self) -> Iterator[Bar]:
        scale = 100 if self.measure.share else 1
        for cell in self.cells:
            value, low, high = (
                None if each is None else each * scale for each in (cell.value, cell.low, cell.high)
            )
            theirs = None if cell.printed is None else cell.printed * 100
            yield Bar(cell.name, cell.dataset, value, low, high, theirs)


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
