"""Turns what a user wrote in one line into a validated model, or into an error that names the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from emogen.errors import InputError, UnknownNameError, shorten
from emogen.labels import label_set

__all__ = ["check_emotion", "read_labels", "validate"]

M = TypeVar("M", bound=BaseModel)


def read_labels(fields: Mapping[str, Any], default: tuple[str, ...], where: str) -> Any:
    """Return the field `labels` as label names; a label set may be named, and an absent one is `default`.

    What is neither text nor a list of text is returned as it is, for the schema to refuse.

    Raises:
        InputError: an unknown label set, fewer than two labels, or one given twice.
    """
    value = fields.get("labels", default)
    if not isinstance(value, str) and not (
        isinstance(value, list | tuple) and all(isinstance(label, str) for label in value)
    ):
        return value
    try:
        return label_set(value)
    except InputError as error:
        raise InputError(error.what, where=f"{where}: field 'labels'", remedy=error.remedy) from error


def check_emotion(emotion: object, labels: object, where: str) -> None:
    """Refuse an emotion that is none of `labels`; values of the wrong type are left to the schema.

    Raises:
        UnknownNameError: with the nearest label and all of them.
    """
    if isinstance(emotion, str) and isinstance(labels, tuple) and emotion not in labels:
        error = UnknownNameError("emotion", emotion, labels, where=where)
        error.remedy = f"{error.remedy} Another label set is named by the field 'labels' or by --labels."
        raise error


def validate(model: type[M], fields: Mapping[str, Any], where: str) -> M:
    """Build `model` from `fields`.

    Raises:
        InputError: a field is missing, unknown, or of a value that the schema refuses.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise _explain(model, error, where) from error


def _explain(model: type[BaseModel], error: ValidationError, where: str) -> InputError:
    first = error.errors(include_url=False, include_context=False)[0]
    path = [str(part) for part in first["loc"]]
    field = ".".join(path)
    if first["type"] == "missing":
        return InputError(f"field {field!r} is missing", where=where, remedy="Add it to the line.")
    if first["type"] == "extra_forbidden":
        return UnknownNameError("field", field, _siblings(model, path), where=where)
    rule = first["msg"][:1].lower() + first["msg"][1:]
    seen = shorten(first["input"])
    return InputError(f"field {field!r}: {rule}; got {seen!r}", where=where, remedy="Correct the value.")


def _siblings(model: type[BaseModel], path: list[str]) -> list[str]:
    """Return the names of the fields that could stand where the unknown one at `path` stands."""
    prefix = ""
    for part in path[:-1]:
        inner = model.model_fields[part].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        model, prefix = inner, f"{prefix}{part}."
    return [prefix + name for name in model.model_fields]
