"""Rows of one kind as a table: Markdown to be read, CSV to be computed with."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from pydantic import BaseModel

__all__ = ["as_csv", "as_markdown", "markdown_table"]


def as_markdown(rows: Sequence[BaseModel]) -> str:
    """Return rows of one kind as a Markdown table; shares with three digits, columns that say nothing left out."""
    names = [
        name
        for name, field in type(rows[0]).model_fields.items()
        if field.is_required() or any(getattr(row, name) != field.default for row in rows)
    ]
    return markdown_table(names, [[getattr(row, name) for name in names] for row in rows])


def markdown_table(heading: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; numbers with a fraction have three digits, what is None is empty."""
    cells = [list(heading), ["---"] * len(heading), *([_cell(value) for value in line] for line in lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def as_csv(rows: Sequence[BaseModel]) -> str:
    """Return rows of one kind as CSV, digits uncut."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(type(rows[0]).model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in rows)
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(map(_cell, value))
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
