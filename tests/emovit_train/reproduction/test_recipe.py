"""Recipes: what comes with the program is sound, and what is wrong with one's own is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from emogen.errors import InputError, UnknownNameError
from emovit_train.evaluation.published import printed
from emovit_train.reproduction.measures import MEASURES
from emovit_train.reproduction.recipe import Recipe
from emovit_train.reproduction.recipe_file import changed, read_recipe, recipe_text, recipes
from emovit_train.settings import TrainSettings

PAPER = {
    "table1",
    "table2",
    "table3",
    "table4",
    "table5",
    "table6",
    "fig1",
    "fig6",
    "fig7",
    "sec9",
    "reasoning",
    "humour",
}
OWN = """\
title: Mine
data: [emotion6-6]
models:
  base: {about: a model}
arms:
  - {name: a, model: base}
"""


def test_the_paper_s_experiments_are_there() -> None:
    """Each has a recipe."""
    assert recipes().keys() >= PAPER


@pytest.mark.parametrize("name", sorted(recipes()))
def test_a_recipe_is_sound(name: str) -> None:
    """It names a measure, settings of tuning that there are, and printed numbers of data sets and arms that it has."""
    recipe = read_recipe(name)
    MEASURES.get(recipe.measure)
    for arm in recipe.arms:
        assert (arm.train.settings if arm.train else {}).keys() <= TrainSettings.model_fields.keys()
    numbers = printed(recipe.experiment) if recipe.experiment else {}
    assert {dataset for _, dataset in numbers} <= {part.name for part in recipe.data}
    if numbers:
        assert {arm.printed or arm.name for arm in recipe.arms} <= {model for model, _ in numbers}


def test_a_recipe_of_one_s_own(tmp_path: Path) -> None:
    """What `--show` prints can be changed and read again."""
    file = tmp_path / "mine.yaml"
    file.write_text(recipe_text("table2").replace("emoset-8", "emotionroi-6"))
    assert [part.name for part in read_recipe(file).data] == ["emotionroi-6"]


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("model: base", "model: bass", "", "names the model 'bass'"),
        ("about: a model", "abut: a model", ":4", "unknown key 'abut'"),
        ("emotion6-6", "emotion6-9", ":2", "emotion6 has no task '9': 6, 7"),
        ("title: Mine", "titel: Mine", ":1: titel", "unknown key 'titel'"),
        ("- {name: a, model: base}", "- {name: a}", ":6", "needs one of model, train and untuned"),
        ("data: [emotion6-6]", "data: []", ":2", "at least 1 item"),
        ("arms:", "measure: luck\narms:", "", "no measure 'luck': accuracy"),
        (
            "arms:",
            "instructions: [paper-9]\narms:",
            ":5",
            "'paper-9' has no text; known by their names: categorical",
        ),
        ("arms:", "instructions: [{name: paper-1, text: a}]\narms:", ":5", "'paper-1' has another text"),
        (
            "arms:",
            "instructions: [{name: x, text: a, answer: b}]\narms:",
            ":5",
            "{label} is not in the answer",
        ),
    ],
)
def test_a_wrong_recipe(tmp_path: Path, old: str, new: str, line: str, what: str) -> None:
    """It is refused with what is wrong and where."""
    file = tmp_path / "mine.yaml"
    file.write_text(OWN.replace(old, new))
    with pytest.raises(InputError, match=what) as caught:
        read_recipe(file)
    assert line in str(caught.value.where)


def test_an_unknown_recipe() -> None:
    """The nearest one is named."""
    with pytest.raises(UnknownNameError, match="Did you mean 'table2'"):
        read_recipe("tabel2")


def test_instructions_and_orders_are_added() -> None:
    """Any number of instructions in other words, and of orders, beside the recipe's own."""
    recipe = changed(
        read_recipe("fig7"), {"images": 9, "reading": None}, {"mine": "Which of {labels}?"}, [2, 3]
    )
    assert [each.name for each in recipe.instructions] == ["paper-1", "paper-2", "mine"]
    assert (recipe.orders, recipe.images, recipe.reading) == ((1, 2, 3), 9, "lenient")
    with pytest.raises(InputError, match="--reading"):
        changed(recipe, {"reading": "loud"})
    with pytest.raises(InputError, match="--split"):
        changed(recipe, {"split": "tests"})
    assert {part.split for part in changed(recipe, {"split": "all"}).data} == {"all"}


def test_examples_stand_in_the_instruction() -> None:
    """Captions with their emotions, in front of the question."""
    recipe: Recipe = read_recipe("table6")
    words = recipe.instructions[1].words()
    assert words is not None
    assert words.startswith(
        "Unleashed Fury: A portrait of raw, unfiltered anger etched on the subject's face. Emotion: anger."
    )
    assert words.count("Emotion:") == 16
    assert "{labels}" in words
