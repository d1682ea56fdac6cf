"""Reads a JSON file that is one long list element by element, so that only one is in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from emogen.errors import InputError

__all__ = ["json_array"]

_GAP: Final = re.compile(r"[ \t\n\r]*")


def json_array(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield `(number, element)` for each element of the list in a JSON file; the first is 1.

    The file's text is in memory whole, its elements are not: EmoSet's largest list is 10 MB of text and
    four times as much as lists and strings.

    Raises:
        InputError: the file cannot be read, or is no JSON list in UTF-8.
    """
    text = _text(path)
    decoder = json.JSONDecoder()
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise InputError("not a JSON list", where=path, remedy="Replace the file by the data set's own.")
    at = _skip(text, at + 1)
    number = 0
    while text[at : at + 1] != "]":
        number += 1
        try:
            element, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError) as error:
            raise _broken(path, number) from error
        yield number, element
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
            if text[at : at + 1] == "]":
                raise _broken(path, number + 1)
        elif text[at : at + 1] != "]":
            raise _broken(path, number)
    if _skip(text, at + 1) != len(text):
        raise _broken(path, number)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=path, remedy="Name a readable file."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8", where=path, remedy="Save the file as UTF-8.") from error


def _skip(text: str, at: int) -> int:
    gap = _GAP.match(text, at)
    return gap.end() if gap else at


def _broken(path: Path, number: int) -> InputError:
    return InputError(
        f"not valid JSON at element {number}", where=path, remedy="Unpack or download the file again."
    )
