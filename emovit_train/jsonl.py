"""Reads a file of JSON lines into validated rows; a bad line is named by file and number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from emogen.errors import InputError, shorten

__all__ = ["read_objects", "read_text", "validated"]

Row = TypeVar("Row", bound=BaseModel)


def read_text(path: Path) -> str:
    """Return the file's text.

    Raises:
        InputError: it is missing, empty, or not UTF-8.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise InputError("no such file", where=path, remedy="Check the path.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"this file cannot be read: {shorten(error)}", where=path, remedy="Give a UTF-8 text file."
        ) from error
    if not text.strip():
        raise InputError("the file is empty", where=path, remedy="Run again what writes it.")
    return text


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `file:line` and the object of every line that is not blank.

    Raises:
        InputError: a line is not a JSON object.
    """
    # Only "\n" ends a line: a string may hold other characters that `splitlines` takes for line ends.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(
                f"not valid JSON: {error.msg} at column {error.colno}",
                where=where,
                remedy="Mend or remove the line.",
            ) from error
        if not isinstance(value, dict):
            raise InputError(
                f"not a JSON object: {shorten(line, 40)}", where=where, remedy="Mend or remove the line."
            )
        yield where, value


def validated(schema: type[Row], value: dict[str, Any], where: str) -> Row:
    """Return `value` as a `schema`.

    Raises:
        InputError: it does not fit; the message names the first field that does not.
    """
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or schema.__name__
        raise InputError(
            f"{field}: {shorten(first['msg'], 200)}", where=where, remedy="Mend or remove the line."
        ) from error
