"""The records of a run, cut into shards on the disk: any of them can be handed out, and handed out again."""

from __future__ import annotations

import tempfile
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

import orjson

from emogen.schemas import ImageRecord

__all__ = ["ShardFile", "ids_of"]


class _Place(NamedTuple):
    start: int
    end: int
    # Whether some of its rows were there from the beginning.
    has_rows: bool


class ShardFile:
    """A temporary file of records, by shards; use it as a context manager.

    Args:
        folder: Where it lies; it has no name, so that nothing is left of it however the process ends.
        types: The instruction types that are made of each record.
        size: How many records a shard has.
    """

    def __init__(self, folder: Path, types: Sequence[str], size: int) -> None:
        self._folder = folder
        self._types = types
        self._size = size
        self._places: list[_Place] = []
        self._again: set[int] = set()
        self._file: BinaryIO

    def __enter__(self) -> ShardFile:
        self._file = tempfile.TemporaryFile(dir=self._folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def fill(self, records: Iterable[ImageRecord], done: Container[tuple[str, str]]) -> None:
        """Write all records of which a row is missing."""
        start = end = count = 0
        has_rows = False
        for record in records:
            there = [kind for kind in self._types if (record.id, kind) in done]
            if len(there) == len(self._types):
                continue
            has_rows = has_rows or bool(there)
            end += self._file.write(record.model_dump_json().encode() + b"\n")
            count += 1
            if count == self._size:
                self._places.append(_Place(start, end, has_rows))
                start, count, has_rows = end, 0, False
        if count:
            self._places.append(_Place(start, end, has_rows))

    def lines(self, number: int) -> list[bytes]:
        """Return the records of a shard, as JSON."""
        place = self._places[number]
        self._file.seek(place.start)
        return self._file.read(place.end - place.start).splitlines()

    def rows_there(
        self, number: int, lines: Iterable[bytes], done: Container[tuple[str, str]]
    ) -> frozenset[tuple[str, str]]:
        """Return which rows of a shard are there; to a shard that is handed out anew, others may have come."""
        if not self._places[number].has_rows and number not in self._again:
            self._again.add(number)
            return frozenset()
        return frozenset(
            key for name in ids_of(lines) for kind in self._types if (key := (name, kind)) in done
        )


def ids_of(lines: Iterable[bytes]) -> list[str]:
    """Return the ids of records that are lines of JSON."""
    return [orjson.loads(line)["id"] for line in lines]
