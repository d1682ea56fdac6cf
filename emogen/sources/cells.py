"""What stands in one cell of a table: nothing, a text, a number, a list."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from emogen.errors import InputError, shorten
from emogen.sources.notes import SPLIT_WORDS

__all__ = ["fields_of"]

# A list longer than this in one cell is no list of objects.
_LONGEST_LIST: Final = 10_000


def fields_of(
    row: Mapping[str, Any], columns: Mapping[str, str], class_names: Sequence[str], where: str
) -> dict[str, Any]:
    """Return the fields of `ImageNotes` that a row fills; what is empty is left out.

    Args:
        row: Column → value.
        columns: Field → column.
        class_names: What the table says that the numbers of its label column mean.
        where: The place of the row, for messages.

    Raises:
        InputError: the label is a number whose name nobody knows.
    """
    fields: dict[str, Any] = {}
    for field, column in columns.items():
        value = _value(row.get(column))
        if value is None:
            continue
        if field == "emotion":
            value = _label(value, class_names, where)
        elif field == "object" and isinstance(value, str):
            value = _names(value)
        elif field == "split" and isinstance(value, str):
            value = SPLIT_WORDS.get(value.casefold(), value)
        elif field == "id":
            value = str(value)
        fields[field] = value
    return fields


def _value(value: Any) -> Any:
    """Return what a cell says; None where it is empty, NaN (as pandas writes it) or an empty list."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, list | tuple):
        return [part.strip() if isinstance(part, str) else part for part in value] or None
    return value


def _label(value: Any, class_names: Sequence[str], where: str) -> Any:
    """Return a label's name.

    Raises:
        InputError: it is a number, and the table does not say what it means.
    """
    if isinstance(value, int) and 0 <= value < len(class_names):
        return class_names[value]
    if isinstance(value, int) or (isinstance(value, str) and value.lstrip("-").isdigit()):
        raise InputError(
            f"the label {value} is a number, and numbers mean other emotions in other copies of a data set",
            where=where,
            remedy="Add a column 'emotion' with the labels' names.",
        )
    return value


def _names(text: str) -> Any:
    """Return the names in a cell of text: a list as JSON or Python writes it, or names between semicolons."""
    if text.startswith("[") and len(text) < _LONGEST_LIST:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return [shorten(text)]
    return [part.strip() for part in text.split(";") if part.strip()]
