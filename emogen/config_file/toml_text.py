"""TOML as plain values, and the lines in which its keys stand."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Any

from emogen.errors import InputError

__all__ = ["line_in_toml", "read_toml"]


def read_toml(text: str, where: str) -> dict[str, Any]:
    """Read a TOML document.

    Raises:
        InputError: it is none, or holds a key twice; names the line and the column.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        what, _, place = str(error).partition(" (at ")
        position = re.fullmatch(r"line (\d+), column (\d+)\)", place)
        line, column = position.groups() if position else (str(text.count("\n") + 1), "1")
        raise InputError(
            f"not TOML: {what}", where=f"{where}:{line}:{column}", remedy="Mend this line."
        ) from None


def line_in_toml(text: str, key: Sequence[str]) -> int | None:
    """Return the line of a key, or of the nearest group around it that is there; None where none is.

    Python's reader keeps no lines, so the text is read again line by line until the key is there: what was added
    last begins with the first line that could not be read before.
    """
    for depth in range(len(key), 0, -1):
        line = _first_line_with(text.splitlines(keepends=True), key[:depth])
        if line is not None:
            return line
    return None


def _first_line_with(lines: Sequence[str], key: Sequence[str]) -> int | None:
    begin = 1
    for number in range(1, len(lines) + 1):
        try:
            table = tomllib.loads("".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue
        if _holds(table, key):
            return begin
        begin = number + 1
    return None


def _holds(value: Any, key: Sequence[str]) -> bool:
    for name in key:
        if not isinstance(value, dict):
            break
        if name not in value:
            return False
        value = value[name]
    return True
