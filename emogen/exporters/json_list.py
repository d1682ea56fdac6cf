"""The layout of most trainers: one JSON list, a row a line, read with the line on which each row begins."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from emogen.errors import InputError, shorten
from emogen.exporters import FileLayout, PlacedRow
from emogen.exporters.parts import part_files

__all__ = ["JsonList", "JsonListPart", "read_json_list"]

_BUFFER_BYTES = 1 << 20
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class JsonListPart:
    """Writes rows as one JSON list, a line each, holding none of them."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=_BUFFER_BYTES)
        self._before = b"[\n"

    def __enter__(self) -> JsonListPart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._file.write(b"\n]\n")

    def add(self, row: bytes, image: Path | None) -> None:
        """Write one row."""
        self._file.write(self._before + row)
        self._before = b",\n"


@dataclass(frozen=True)
class JsonList(FileLayout):
    """One file, or a folder of `train.json`, `val.json` and `test.json` with the images in `images/`."""

    shard_suffix: str = ".json"

    def part(self, folder: Path, split: str, shard_bytes: int) -> JsonListPart:
        """Open the list of one split."""
        return self.single(folder / f"{split}.json")

    def single(self, file: Path) -> JsonListPart:
        """Open the only list."""
        return JsonListPart(file)

    def finish(self, folder: Path, rows: Mapping[str, int]) -> None:
        """Write nothing: a list needs nothing beside it."""

    def read(self, path: Path) -> Iterator[PlacedRow]:
        """Yield the rows of a list, or of each list of an export."""
        for split, file in part_files(path, ".json"):
            for row in read_json_list(file):
                yield row._replace(split=split)


@dataclass
class _Cursor:
    """A position in a text, with its line counted along the way."""

    path: Path
    text: str
    position: int = 0
    line: int = 1

    def move(self, position: int) -> None:
        self.line += self.text.count("\n", self.position, position)
        self.position = position

    def peek(self) -> str:
        """Return the next character that is not space, or "" at the end."""
        match = _SPACE.match(self.text, self.position)
        self.move(match.end() if match else self.position)
        return self.text[self.position : self.position + 1]

    def value(self) -> object:
        try:
            value, end = _DECODER.raw_decode(self.text, self.position)
        except json.JSONDecodeError as error:
            self.move(error.pos)
            self.fail(f"broken JSON: {error.msg}")
        except (ValueError, RecursionError) as error:
            self.fail(f"JSON that cannot be read: {error}")
        self.move(end)
        return value

    def fail(self, what: str) -> NoReturn:
        column = self.position - self.text.rfind("\n", 0, self.position)
        seen = (
            shorten(repr(self.text[self.position : self.position + 30]), 40)
            if self.text[self.position :]
            else "the end"
        )
        raise InputError(
            f"{what}, at {seen}",
            where=f"{self.path}:{self.line}:{column}",
            remedy="Mend the file, or write it anew: it must be one JSON list, [ {...}, {...} ].",
        )


def read_json_list(path: Path) -> Iterator[PlacedRow]:
    """Yield the rows of a JSON list, each with its line (from 1) and number (from 0).

    The file's text is in memory meanwhile.

    Raises:
        InputError: the file cannot be read, is not UTF-8 or not one whole JSON list; with line and column.
    """
    cursor = _Cursor(path, _read(path))
    if cursor.peek() != "[":
        cursor.fail("not a JSON list")
    cursor.move(cursor.position + 1)
    number = 0
    more = cursor.peek() != "]"
    while more:
        cursor.peek()
        yield PlacedRow(f"{path}:{cursor.line}: row {number}", cursor.value())
        number += 1
        following = cursor.peek()
        if following not in {",", "]"}:
            cursor.fail("broken JSON: ',' or ']' is missing")
        more = following == ","
        cursor.move(cursor.position + more)
    cursor.move(cursor.position + 1)
    if cursor.peek():
        cursor.fail("text after the end of the list")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"cannot be read: {reason}", where=path, remedy="Name a file that you may read."
        ) from error
    except UnicodeDecodeError as error:
        what = f"not UTF-8 at byte {error.start}: {error.reason}"
        raise InputError(what, where=path, remedy="Save the file as UTF-8.") from error
