"""Rows on the disk in the order in which they come, and an index that puts them into another one.

Samples lie in a run in the order in which they were finished, which no two runs share. What is in memory is a
short entry for each sample; the rows themselves are read back one by one.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from emogen.exporters.pictures import Picture
from emogen.resources import sha256_text
from emogen.schemas import Split

__all__ = ["Draft", "Spool", "spooling"]

_BUFFER_BYTES = 1 << 20


class Draft(NamedTuple):
    """One sample as it will be written.

    Attributes:
        record_id: The record.
        instruction: The instruction type.
        picture: Its image.
        own_split: What the record says.
        rows: Its rows, each JSON in one line.
        repeated: Whether a sample of the same record and instruction type came before it.
    """

    record_id: str
    instruction: str
    picture: Picture
    own_split: Split | None
    rows: list[bytes]
    repeated: bool

    @property
    def sample_id(self) -> str:
        """As `Sample.id`."""
        return f"{self.record_id}/{self.instruction}"


@contextmanager
def spooling(folder: Path) -> Iterator[Spool]:
    """Open a file without a name in `folder`, on a disk with room for all rows; it is gone with the block."""
    with tempfile.TemporaryFile(dir=folder, buffering=_BUFFER_BYTES) as file:
        yield Spool(file)


class Spool:
    """Rows that are appended to a file and read back from it in order.

    The index is columns, not objects: a fifth of the memory, and nothing for the garbage collector to look through.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._types: dict[str, str] = {}
        self._record_ids: list[str] = []
        self._instructions: list[str] = []
        self._pictures: list[Picture] = []
        self._own_splits: list[Split | None] = []
        self._end = 0
        self._ends = array("Q", [0])

    def add(
        self, record_id: str, instruction: str, picture: Picture, own_split: Split | None, rows: list[bytes]
    ) -> None:
        """Append the rows of one sample, in none of which is a newline."""
        self._end += self._file.write(b"\n".join(rows))
        self._ends.append(self._end)
        self._record_ids.append(record_id)
        # They are few, and each row brought its own.
        self._instructions.append(self._types.setdefault(instruction, instruction))
        self._pictures.append(picture)
        self._own_splits.append(own_split)

    def in_order(self, *, mixed: bool) -> Iterator[Draft]:
        """Yield the samples by record and instruction type.

        Of samples with one name the rows decide which comes first, not the order in which they were added.

        Args:
            mixed: Whether records follow each other by a hash of their ids instead of by the ids.
        """
        self._file.flush()
        for alike in self._by_name(mixed=mixed):
            numbered = [(self._read(number), number) for number in alike]
            if len(alike) > 1:
                numbered.sort()
            for place, (rows, number) in enumerate(numbered):
                yield Draft(
                    self._record_ids[number],
                    self._instructions[number],
                    self._pictures[number],
                    self._own_splits[number],
                    rows,
                    place > 0,
                )

    def _by_name(self, *, mixed: bool) -> Iterator[list[int]]:
        """Yield the numbers of the samples of each name: one, where all is well."""
        record_ids, instructions = self._record_ids, self._instructions
        # Sorting keeps the order of what is equal, so that the less important comes first.
        order = sorted(range(len(record_ids)), key=instructions.__getitem__)
        order.sort(key=record_ids.__getitem__)
        if mixed:
            order.sort(key=lambda number: sha256_text(record_ids[number]))
        alike: list[int] = []
        for number in order:
            if alike:
                first = alike[0]
                if record_ids[number] != record_ids[first] or instructions[number] != instructions[first]:
                    yield alike
                    alike = []
            alike.append(number)
        if alike:
            yield alike

    def _read(self, number: int) -> list[bytes]:
        begin = self._ends[number]
        return os.pread(self._file.fileno(), self._ends[number + 1] - begin, begin).split(b"\n")
