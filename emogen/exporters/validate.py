"""Whether anybody's file loads in the trainer that it is meant for."""

from __future__ import annotations

from pathlib import Path

from emogen.exporters import EXPORTERS, Problem
from emogen.exporters.json_list import read_json_list
from emogen.exporters.row_check import RowCheck

__all__ = ["validate"]


def validate(path: Path, format: str) -> list[Problem]:
    """Return every rule of the consumer that a file breaks, in the file's order; empty means that it loads.

    Each problem's place is `<path>:<line>: row <number>`, lines from 1 and rows from 0. Whether the pictures
    exist is not looked at: the image folder is the trainer's business.

    Args:
        path: A JSON list, written by whomever.
        format: A name of `EXPORTERS`.

    Raises:
        UnknownNameError: no such format.
        InputError: the file cannot be read or is not a JSON list; with line and column.
    """
    check = RowCheck(EXPORTERS.get(format)())
    problems: list[Problem] = []
    rows = 0
    for line, number, row in read_json_list(path):
        place = f"{path}:{line}: row {number}"
        problems += check.problems(row, place)
        check.remember(row, place)
        rows += 1
    if not rows:
        problems.append(Problem("list", "must hold at least one row", "Export some samples.", f"{path}:1"))
    return problems
