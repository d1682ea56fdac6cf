"""Whether anybody's file loads in the trainer that it is meant for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emogen.exporters import EXPORTERS, Problem
from emogen.exporters.row_check import RowCheck

__all__ = ["Validation", "validate"]


@dataclass
class Validation:
    """Reads a file once, row by row.

    Args:
        path: A file, or the folder of an export, by whomever.
        format: A name of `EXPORTERS`.

    Attributes:
        rows: How many rows were read so far.

    Raises:
        UnknownNameError: no such format.
    """

    path: Path
    format: str
    rows: int = 0

    def problems(self, on_row: Callable[[], object] = lambda: None) -> Iterator[Problem]:
        """Yield every rule of the consumer that the file breaks, in the file's order.

        Each problem's place names the file, and the line (from 1) and row (from 0) in it. Whether the pictures exist
        is not looked at, where they are not part of the format: the image folder is the trainer's business.

        Args:
            on_row: Called after each row.

        Raises:
            InputError: the file cannot be read, or is not laid out as the format is; with the place.
        """
        exporter = EXPORTERS.get(self.format)()
        check = RowCheck(exporter)
        for placed in exporter.layout.read(self.path):
            yield from check.problems(placed)
            self.rows += 1
            on_row()
        if not self.rows:
            yield Problem("list", "must hold at least one row", "Export some samples.", f"{self.path}:1")


def validate(path: Path, format: str) -> list[Problem]:
    """Return every rule of the consumer that a file breaks; empty means that it loads. See `Validation`."""
    return list(Validation(path, format).problems())
