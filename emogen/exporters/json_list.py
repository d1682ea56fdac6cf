"""A JSON list, written row by row, and read with the line on which each row begins."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn

import orjson

from emogen.errors import InputError, shorten
from emogen.exporters import Row

__all__ = ["JsonListWriter", "ListItem", "read_json_list"]

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class ListItem(NamedTuple):
    """One item of a list in a file: its line (from 1), its number (from 0) and its value."""

    line: int
    number: int
    value: object


@dataclass
class JsonListWriter:
    """Writes rows as one JSON list, a line each, holding none of them.

    Attributes:
        rows: How many were written.
    """

    file: BinaryIO
    rows: int = field(default=0, init=False)

    def add(self, row: Row) -> None:
        """Write one row."""
        self.file.write(b",\n" if self.rows else b"[\n")
        self.file.write(orjson.dumps(row))
        self.rows += 1

    def close(self) -> None:
        """Write the end of the list; the file stays open."""
        self.file.write(b"\n]\n" if self.rows else b"[]\n")


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


def read_json_list(path: Path) -> Iterator[ListItem]:
    """Yield the items of a JSON list with their places. The file's text is in memory meanwhile.

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
        yield ListItem(cursor.line, number, cursor.value())
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
