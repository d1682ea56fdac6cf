"""What an experiment needs of its user: folders and models by the names that its recipe has for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from emogen.errors import InputError, UnknownNameError
from emovit_train.reproduction.recipe import Recipe

__all__ = ["DATA", "INSTRUCTIONS", "Given", "Missing", "read_pairs"]

DATA: Final = "data set"
INSTRUCTIONS: Final = "instruction data"


@dataclass(frozen=True)
class Missing:
    """Something that nobody gave, and how to give it."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


@dataclass(frozen=True)
class Given:
    """What the user has.

    Attributes:
        data: Name → folder, of data sets and instruction data.
        models: Name → folder, name on the Hugging Face Hub or API's model, each perhaps after `KIND:`.
        settings: Of tuning, by their names with underscores; they win over the recipe's.
    """

    data: Mapping[str, Path] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def check(self, recipe: Recipe) -> None:
        """Refuse names that the recipe does not have.

        Raises:
            UnknownNameError: the nearest and all are named.
            InputError: a folder is not there.
        """
        known = list(recipe.wanted_data())
        for name, folder in self.data.items():
            if name not in known:
                raise UnknownNameError("data of this recipe", name, known, where="--data")
            if not folder.exists():
                raise InputError(
                    f"no such file or folder: {folder}", where=f"--data {name}", remedy="Check the path."
                )
        for name in self.models:
            if name not in recipe.models:
                raise UnknownNameError("model of this recipe", name, recipe.models, where="--model")

    def lacking(self, recipe: Recipe, only: Sequence[str] = ()) -> Iterator[Missing]:
        """Yield all that the recipe, or some of its arms, asks for and nobody gave."""
        for part in recipe.data:
            yield from _if_missing(self.folder(part.data, DATA))
        for arm in recipe.arms:
            if only and arm.name not in only:
                continue
            train = recipe.tuning(arm)
            if train:
                yield from _if_missing(self.folder(train.data, INSTRUCTIONS))
            model = train.model if train else str(arm.model)
            yield from _if_missing(self.model(model, recipe.models[model].about))

    def folder(self, name: str, what: str) -> Path | Missing:
        """Return the folder that is called so."""
        return self.data.get(name) or Missing(f"{what} {name!r}", f"--data {name}=FOLDER")

    def model(self, name: str, about: str) -> str | Missing:
        """Return where the model is that is called so."""
        return self.models.get(name) or Missing(f"model {name!r} ({about})", f"--model {name}=FOLDER")


def _if_missing(found: object) -> Iterator[Missing]:
    if isinstance(found, Missing):
        yield found


def read_pairs(told: Sequence[str], option: str) -> dict[str, str]:
    """Read an option that is given as NAME=VALUE, any number of times.

    Raises:
        InputError: one is not of that form, or a name comes twice.
    """
    pairs: dict[str, str] = {}
    for each in told:
        name, mark, value = each.partition("=")
        if not (mark and name.strip() and value.strip()):
            raise InputError(f"not NAME=VALUE: {each!r}", where=option, remedy=f"As in {option} name=value.")
        if name.strip() in pairs:
            raise InputError(f"{name.strip()} is given twice", where=option, remedy="Give each once.")
        pairs[name.strip()] = value.strip()
    return pairs
