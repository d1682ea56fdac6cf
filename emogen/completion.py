"""What a shell offers for an option's value: names of tables and fixed choices, read only when a shell asks."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable
from typing import Any, Final

__all__ = ["Complete", "choices", "completion_of", "names_in", "several"]

# Takes the beginning of a word, returns the words that begin so.
Complete = Callable[[str], list[str]]


def choices(*words: str) -> Complete:
    """Offer these words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def names_in(*places: str) -> Complete:
    """Offer the names of tables.

    Args:
        places: `"package.module:attribute"`: a `Registry`, a mapping, or a function that returns names.
    """

    def complete(incomplete: str) -> list[str]:
        return [name for place in places for name in _names(place) if name.startswith(incomplete)]

    return complete


def _names(place: str) -> Iterable[str]:
    # Whatever is wrong with a table, a shell that completes must not show a traceback.
    try:
        table: Any = pkgutil.resolve_name(place)
        found = table.names() if hasattr(table, "names") else table() if callable(table) else table
        return [str(name) for name in found]
    except Exception:
        return []


def several(complete: Complete) -> Complete:
    """Offer what `complete` does for the last of several words between commas."""

    def complete_last(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{word}" for word in complete(last)]

    return complete_last


_SPLITS: Final = several(choices("train", "val", "test", "all"))
# Setting of a run → what is offered for its option.
_SETTINGS: Final[dict[str, Complete]] = {
    "backend": names_in("emogen.backends:BACKENDS", "emogen.backends.capabilities:model_names"),
    "types": several(names_in("emogen.instructions:INSTRUCTIONS")),
    "source": names_in("emogen.sources:SOURCES"),
    "labels": names_in("emogen.labels:LABEL_SETS"),
    "preset": names_in("emogen.selection:PRESETS"),
    "split": _SPLITS,
    "context": choices("all", "caption", "attributes"),
    "answer_format": choices("json_schema", "function_call", "json_object", "text"),
}


def completion_of(setting: str) -> Complete | None:
    """Return what is offered for the option of a setting; None leaves it to the shell, which offers files."""
    return _SETTINGS.get(setting)
