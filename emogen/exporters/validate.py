"""Whether anybody's file loads in the trainer that it is meant for."""

from __future__ import annotations

from pathlib import Path

from emogen.exporters import EXPORTERS, Problem
from emogen.exporters.row_check import RowCheck

__all__ = ["validate"]


def validate(path: Path, format: str) -> list[Problem]:
    """Return every rule of the consumer that a file breaks, in the file's order; empty means that it loads.

    Each problem's place names the file, and the line (from 1) and row (from 0) in it. Whether the pictures exist
    is not looked at: the image folder is the trainer's business.

    Args:
        path: A file, or the folder of an export, by whomever.
        format: A name of `EXPORTERS`.

    Raises:
        UnknownNameError: no such format.
        InputError: the file cannot be read, or is not laid out as the format is; with the place.
    """
    exporter = EXPORTERS.get(format)()
    check = RowCheck(exporter)
    problems: list[Problem] = []
    rows = 0
    for place, row in exporter.layout.read(path):
        problems += check.problems(row, place)
        rows += 1
    if not rows:
        problems.append(Problem("list", "must hold at least one row", "Export some samples.", f"{path}:1"))
    return problems
