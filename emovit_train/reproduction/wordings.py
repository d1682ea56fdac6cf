"""A recipe's instructions, and where the answers to each are kept."""

from __future__ import annotations

from pathlib import Path

from emovit_train.evaluation.instructions import Instruction, own_instruction, read_instructions
from emovit_train.reproduction.identity import digest_of, slug
from emovit_train.reproduction.recipe import Recipe

__all__ = ["asked_in"]


def asked_in(recipe: Recipe, folder: Path) -> dict[Path, list[Instruction]]:
    """Return folder → the recipe's instructions whose answers belong there, each in all of its orders.

    Those in somebody's own words have folders of their own: under the same name, another recipe may say it otherwise.

    Args:
        recipe: The experiment.
        folder: Of one model's answers about one data set.
    """
    found: dict[Path, list[Instruction]] = {}
    for wording in recipe.instructions:
        text, place = wording.words(), folder
        if text:
            one = own_instruction(wording.name, text, wording.answer)
            place = folder.with_name(f"{folder.name}-{slug(one.name)}-{digest_of(one.identity)}")
        else:
            (one,) = read_instructions([wording.name])
        found.setdefault(place, []).extend((one, *(one.shuffled(seed) for seed in recipe.orders)))
    return found
