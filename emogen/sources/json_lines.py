"""Reads the JSON objects of a JSONL file one by one, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from emogen.errors import InputError, shorten
from emogen.storage import DataFile

__all__ = ["json_lines", "json_objects", "parse"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def json_objects(path: DataFile) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield `(line number, object)` for each line that is not blank; the first line is 1.

    Raises:
        InputError: the file cannot be read, holds nothing, or a line is no JSON object in UTF-8.
    """
    for number, line in json_lines(path):
        yield number, parse(line, f"{path}:{number}")


def json_lines(path: DataFile) -> Iterator[tuple[int, bytes]]:
    """Yield `(line number, line)` for each line that is not blank.

    Raises:
        InputError: the file cannot be read, or holds nothing.
    """
    found = False
    for number, line in _lines(path):
        found = True
        yield number, line
    if not found:
        raise InputError("the file is empty", where=path, remedy="Write one JSON object on each line.")


def _lines(path: DataFile) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                line = (raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw).strip()
                if line:
                    yield number, line
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"cannot be read: {reason}", where=path, remedy="Name a readable JSONL file."
        ) from error


def parse(line: bytes, where: str) -> dict[str, Any]:
    """Return the object that a line holds.

    Raises:
        InputError: it is no JSON object in UTF-8.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _broken(line, where, error) from error
    if not isinstance(value, dict):
        raise InputError(
            f"not a JSON object: {shorten(value)}",
            where=where,
            remedy='Write {"field": value, ...} on each line.',
        )
    return value


def _broken(line: bytes, where: str, error: orjson.JSONDecodeError) -> InputError:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as undecodable:
        byte = line[undecodable.start]
        return InputError(f"not UTF-8 (byte 0x{byte:02x})", where=where, remedy="Save the file as UTF-8.")
    return InputError(
        f"not valid JSON: {error.msg} at column {error.colno}",
        where=where,
        remedy="Write one whole JSON object on each line.",
    )
