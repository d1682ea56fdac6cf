"""From what was given to `RunSettings`, or to an error that names the place, the value and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from emogen.errors import EmovitError, InputError, UnknownNameError, shorten
from emogen.settings import RunSettings, setting_fields, value_kind
from emogen.settings.nesting import value_at

__all__ = ["read_settings"]

# pydantic's error type → what is wrong, and the number that it is measured against.
_BEYOND = {
    "greater_than": ("not above", "gt"),
    "greater_than_equal": ("below", "ge"),
    "less_than_equal": ("above", "le"),
}
# The beginning of pydantic's error type → what is wrong.
_WRONG = {
    "int_": "not a whole number",
    "float_": "not a number",
    "finite_number": "not a number",
    "bool_": "not true or false",
    "string_": "not text; quotes make it text",
    "path_": "not a path",
    "tuple_": "not a list",
    "model_": "not a group of settings",
    "invalid_key": "not a name",
}


def read_settings(given: Mapping[str, Any], place: Callable[[str], str] = str) -> RunSettings:
    """Validate what was given as settings.

    Args:
        given: Nested as `RunSettings` is.
        place: Says where a dotted key (`limits.max_cost`) was given: a line of a file, an option.

    Raises:
        InputError: naming the place, what is wrong and the value seen.
    """
    for key, field in setting_fields():
        # Python takes true for 1; whoever writes it for a number means something else.
        if isinstance(value := value_at(given, key), bool) and value_kind(field) is not bool:
            raise _unfit("not a number or a text", value, place(".".join(key)))
    try:
        return RunSettings.model_validate(given)
    except ValidationError as error:
        # Not as its cause: pydantic's message repeats all values, which are the user's own.
        raise _input_error(error.errors()[0], place) from None
    except EmovitError as error:
        error.where = place(error.where) if error.where else None
        raise


def _input_error(first: ErrorDetails, place: Callable[[str], str]) -> InputError:
    # Of alternatives, pydantic names the one that was tried, as `literal['reject','off']`.
    key = ".".join(part for part in map(str, first["loc"]) if "[" not in part)
    kind, value = first["type"], first["input"]
    where = place(key)
    if kind == "extra_forbidden":
        return _unknown(key, where)
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", first["ctx"]["expected"])
        return UnknownNameError(key.rpartition(".")[2].replace("_", " "), str(value), known, where=where)
    if kind in _BEYOND:
        word, limit = _BEYOND[kind]
        return _unfit(f"{word} {first['ctx'][limit]:g}", value, where)
    for beginning, what in _WRONG.items():
        if kind.startswith(beginning):
            return _unfit(what, value, where)
    return InputError(
        first["msg"].removeprefix("Value error, "), where=where, remedy="Mend it, or leave it out."
    )


def _unknown(key: str, where: str) -> InputError:
    group, _, name = key.rpartition(".")
    homes = [".".join(home) for home, _ in setting_fields() if home[-1] == name]
    if homes:
        return InputError(f"{name!r} has another place", where=where, remedy=f"Write it as {homes[0]}.")
    return UnknownNameError("setting", name, _names_in(group), where=where)


def _names_in(group: str) -> list[str]:
    """Return the names that a group of settings knows; those of the outermost where it is empty."""
    model: type[BaseModel] = RunSettings
    for name in group.split(".") if group else ():
        inner = model.model_fields[name].annotation
        assert isinstance(inner, type)
        model = inner
    return list(model.model_fields)


def _unfit(what: str, value: object, where: str) -> InputError:
    # What a list or a group holds may be long, and none of an error's business.
    seen = "" if isinstance(value, Mapping | list | tuple | set) else f" (got {shorten(value)})"
    return InputError(f"{what}{seen}", where=where, remedy="Mend it, or leave it out.")
