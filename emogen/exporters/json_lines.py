"""The layout of JSON Lines: a row a line, which readers take piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import orjson

from emogen.errors import InputError
from emogen.exporters import FileLayout, PlacedRow
from emogen.exporters.parts import part_files

__all__ = ["JsonLines", "JsonLinesPart", "read_json_lines"]

_BUFFER_BYTES = 1 << 20


class JsonLinesPart:
    """Writes a row a line."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=_BUFFER_BYTES)

    def __enter__(self) -> JsonLinesPart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, row: bytes, image: Path | None) -> None:
        """Write one row."""
        self._file.write(row + b"\n")


@dataclass(frozen=True)
class JsonLines(FileLayout):
    """One file, or a folder of `train.jsonl`, `val.jsonl` and `test.jsonl` with the images in `images/`."""

    shard_suffix: str = ".jsonl"

    def part(self, folder: Path, split: str, shard_bytes: int) -> JsonLinesPart:
        """Open the file of one split."""
        return self.single(folder / f"{split}.jsonl")

    def single(self, file: Path) -> JsonLinesPart:
        """Open the only file."""
        return JsonLinesPart(file)

    def finish(self, folder: Path, rows: Mapping[str, int]) -> None:
        """Write nothing: the files need nothing beside them."""

    def read(self, path: Path) -> Iterator[PlacedRow]:
        """Yield the rows of a file, or of each file of an export."""
        for split, file in part_files(path, ".jsonl"):
            for row in read_json_lines(file):
                yield row._replace(split=split)


def read_json_lines(path: Path) -> Iterator[PlacedRow]:
    """Yield the rows of JSON Lines, each with its line (from 1) and number (from 0).

    Raises:
        InputError: the file cannot be read, or a line is no JSON; with the line.
    """
    number = 0
    try:
        with path.open("rb") as lines:
            for line_number, line in enumerate(lines, 1):
                if line.isspace():
                    continue
                yield PlacedRow(f"{path}:{line_number}: row {number}", _value(line, f"{path}:{line_number}"))
                number += 1
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=path, remedy="Name a file that you may read."
        ) from error


def _value(line: bytes, where: str) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(
            f"broken JSON: {error.msg} at character {error.colno}",
            where=where,
            remedy="Mend or remove the line.",
        ) from error
