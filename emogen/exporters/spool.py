"""Rows on the disk in the order in which they come, and an index that puts them into another one.

Samples lie in a run in the order in which they were finished, which no two runs share. The rows are read back one by
one; of neither rows nor index is more in memory than a few.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from emogen.exporters.index import (
    ADD_VALUE,
    ADDED_AT_ONCE,
    FIELDS,
    Entry,
    add_samples,
    entries_in_order,
    indexing,
)
from emogen.exporters.options import SPLITS
from emogen.schemas import Split

__all__ = ["Draft", "Spool", "spooling"]

_BUFFER_BYTES: Final = 1 << 20
_BATCH: Final = FIELDS * ADDED_AT_ONCE
_RANKS: Final[Mapping[Split | None, int | None]] = {
    None: None,
    **{split: rank for rank, split in enumerate(SPLITS)},
}


class Draft(NamedTuple):
    """One sample as it will be written.

    Attributes:
        entry: What the index says of it.
        rows: Its rows, each JSON in one line.
        repeated: Whether a sample of the same record and instruction type came before it.
    """

    entry: Entry
    rows: list[bytes]
    repeated: bool

    @property
    def sample_id(self) -> str:
        """As `Sample.id`."""
        return f"{self.entry.record_id}/{self.entry.instruction}"


@contextmanager
def spooling(folder: Path) -> Iterator[Spool]:
    """Open a file without a name in `folder`, on a disk with room for all rows; it is gone with the block."""
    with tempfile.TemporaryFile(dir=folder, buffering=_BUFFER_BYTES) as file, indexing() as index:
        yield Spool(file, index)


class Spool:
    """Rows that are appended to a file and read back from it in order.

    Attributes:
        index: The tables of `emogen.exporters.index`.
    """

    def __init__(self, file: IO[bytes], index: sqlite3.Connection) -> None:
        self.index = index
        self._own_splits: set[Split | None] = set()
        self._file = file
        self._end = 0
        self._samples: list[object] = []
        self._values: list[tuple[object]] = []

    def add(
        self,
        record_id: str,
        instruction: str,
        path: str,
        own_split: Split | None,
        rows: list[bytes],
    ) -> None:
        """Append the rows of one sample, in none of which is a newline; where there are none, its image counts.

        Args:
            record_id: The record.
            instruction: The instruction type.
            path: As `Picture.path`.
            own_split: What the record says of its split.
            rows: Each JSON in one line.
        """
        self._own_splits.add(own_split)
        begin = self._end
        length = self._file.write(b"\n".join(rows))
        self._end = begin + length
        samples = self._samples
        samples += (record_id, instruction, path, _RANKS[own_split], begin, length)
        if len(samples) == _BATCH:
            self._flush()

    def add_values(self, values: list[Any]) -> None:
        """Add what must not occur twice among the rows of all samples."""
        self._values += [(value,) for value in values]

    @property
    def is_unanimous(self) -> bool:
        """Whether all records say the same of their splits."""
        return len({split or "train" for split in self._own_splits}) < 2

    def end(self) -> None:
        """Let everything be found that was added."""
        self._file.flush()
        self._flush()

    def in_order(self, *, mixed: bool) -> Iterator[Draft]:
        """Yield the samples that have rows by record and instruction type.

        Of samples with one name the rows decide which comes first, not the order in which they were added.

        Args:
            mixed: Whether records follow each other by a hash of their ids instead of by the ids.
        """
        read = self._read
        for entry, *others in _alike(entries_in_order(self.index, mixed=mixed)):
            if not others:
                yield Draft(entry, read(entry), False)
                continue
            found = [(read(each), each) for each in (entry, *others)]
            for place, (rows, each) in enumerate(sorted(found, key=itemgetter(0))):
                yield Draft(each, rows, repeated=place > 0)

    def _read(self, entry: Entry) -> list[bytes]:
        return os.pread(self._file.fileno(), entry.length, entry.begin).split(b"\n")

    def _flush(self) -> None:
        add_samples(self.index, self._samples)
        self._samples.clear()
        self.index.executemany(ADD_VALUE, self._values)
        self._values.clear()


def _alike(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """Yield together what has the same record and instruction type; `groupby` takes three times as long."""
    alike: list[Entry] = []
    for entry in entries:
        if alike and (entry.record_id != alike[0].record_id or entry.instruction != alike[0].instruction):
            yield alike
            alike = []
        alike.append(entry)
    if alike:
        yield alike
