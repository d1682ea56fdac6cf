"""Recipes as files: those that come with the program, a user's own, and either with what an option changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from emogen.config_file import read_config_file
from emogen.errors import InputError, UnknownNameError, shorten
from emovit_train.reproduction.recipe import Arm, DataPart, Model, Recipe, Tuning, Wording

__all__ = ["changed", "read_recipe", "recipe_text", "recipes"]

_SUFFIX: Final = ".yaml"


def recipes() -> Mapping[str, Traversable]:
    """Return name → file of the recipes that come with the package."""
    folder = files("emovit_train.reproduction") / "recipes"
    found = [each for each in folder.iterdir() if each.name.endswith(_SUFFIX)]
    return {each.name.removesuffix(_SUFFIX): each for each in sorted(found, key=lambda each: each.name)}


def recipe_text(name: str) -> str:
    """Return the text of a recipe that comes with the package.

    Raises:
        UnknownNameError: there is no such recipe.
    """
    return _bundled(name).read_text(encoding="utf-8")


def read_recipe(recipe: str | Path) -> Recipe:
    """Read a recipe: one that comes with the package, by its name, or a file.

    Raises:
        UnknownNameError: there is no such recipe.
        InputError: the file cannot be read, or is no recipe; names the line.
    """
    if isinstance(recipe, Path):
        return _read(recipe)
    with as_file(_bundled(recipe)) as path:
        return _read(path)


def _bundled(name: str) -> Traversable:
    known = recipes()
    if name not in known:
        raise UnknownNameError("recipe", name, known)
    return known[name]


def _read(path: Path) -> Recipe:
    file = read_config_file(path)
    try:
        return Recipe.model_validate(dict(file.given))
    except ValidationError as error:
        # A misspelt key is both unknown and lacking: the one says more.
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        keys = [str(key) for key in first["loc"]]
        place = file.place(".".join(keys)) if keys else str(path)
        if first["type"] == "extra_forbidden":
            raise UnknownNameError("key", keys[-1], _keys_beside(keys), where=place) from error
        raise InputError(
            shorten(first["msg"].removeprefix("Value error, "), 200),
            where=place,
            remedy="See docs/reproducing.md, or a recipe: emovit_train reproduce --show table2",
        ) from error


def _keys_beside(keys: list[str]) -> list[str]:
    """Return the keys that the part of a recipe has that `keys` lead into."""
    parts: dict[str, type[BaseModel]] = {
        "data": DataPart,
        "models": Model,
        "arms": Arm,
        "train": Tuning,
        "instructions": Wording,
    }
    around = next((parts[key] for key in reversed(keys[:-1]) if key in parts), Recipe)
    return [field.alias or name for name, field in around.model_fields.items()]


def changed(
    recipe: Recipe,
    told: Mapping[str, Any],
    instructions: Mapping[str, str] = MappingProxyType({}),
    orders: Sequence[int] = (),
) -> Recipe:
    """Return the recipe with what the user says besides.

    Args:
        recipe: As read.
        told: Fields that are replaced, where they are not None; `split` is that of every data set.
        instructions: Name → text of instructions that are asked, too.
        orders: Seeds of orders that are asked, too.

    Raises:
        InputError: something of it cannot be.
    """
    values = recipe.model_dump() | {name: value for name, value in told.items() if value is not None}
    split = values.pop("split", None)
    if split is not None:
        values["data"] = [{**part, "split": split} for part in values["data"]]
    values["instructions"] = (
        *values["instructions"],
        *({"name": name, "text": text} for name, text in instructions.items()),
    )
    values["orders"] = tuple(dict.fromkeys((*recipe.orders, *orders)))
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = f"--{first['loc'][-1]}" if first["loc"] else None
        raise InputError(shorten(first["msg"], 200), where=where, remedy="See: --help") from error
