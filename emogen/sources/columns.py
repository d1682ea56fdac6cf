"""Which column of a table says what: the names that data sets give to the same thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from emogen.errors import InputError, UnknownNameError, shorten
from emogen.sources import OnProblem, Problem
from emogen.sources.notes import ImageNotes

__all__ = ["meanings", "tell_unused"]

# Field of `ImageNotes` → names that its column may have, the first one that is there wins.
_ALIASES: Final[Mapping[str, Sequence[str]]] = {
    "file_name": ("file_name", "image", "image_path", "filename", "path"),
    "id": ("id", "image_id"),
    "emotion": ("emotion", "label"),
    "object": ("object", "objects"),
}


def meanings(names: Sequence[str], where: str) -> dict[str, str]:
    """Return field of `ImageNotes` → the column that holds it; capitals and spaces around a name do not matter.

    Raises:
        InputError: two columns have the same name.
    """
    columns: dict[str, str] = {}
    for name in names:
        plain = name.strip().casefold()
        if plain in columns:
            raise InputError(
                f"two columns are called {shorten(name)!r}", where=where, remedy="Rename one of them."
            )
        columns[plain] = name
    found = {}
    for field in ImageNotes.model_fields:
        for alias in _ALIASES.get(field, (field,)):
            if alias in columns:
                found[field] = columns[alias]
                break
    return found


def tell_unused(names: Sequence[str], used: Mapping[str, str], where: object, on_problem: OnProblem) -> None:
    """Say which columns mean nothing here, each with the field that it may have been meant for."""
    unused = [name for name in names if name not in used.values()]
    if not unused:
        return
    guesses = []
    for name in unused:
        hint = UnknownNameError("column", name, set(ImageNotes.model_fields) - set(used)).remedy or ""
        meant = hint.partition("?")[0].removeprefix("Did you mean ") if "?" in hint else ""
        guesses.append(f"{shorten(name)!r}" + (f" (meant as {meant}?)" if meant else ""))
    on_problem(Problem(str(where), f"columns that are not used: {', '.join(guesses)}", left_out=False))
