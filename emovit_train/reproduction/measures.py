"""What the first table of an experiment holds: one file, or one function here, for each measure.

Another package adds its own under `[project.entry-points."emovit_train.measures"]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emogen.registry import Registry
from emogen.schemas import ImageRecord
from emovit_train.evaluation.predictions import Prediction
from emovit_train.evaluation.scores import score
from emovit_train.evaluation.stability import stability

if TYPE_CHECKING:
    from emovit_train.evaluation.predictors import Predictor
    from emovit_train.reproduction.given import Missing
    from emovit_train.reproduction.recipe import DataPart, Recipe

__all__ = [
    "ACCURACY",
    "MEASURES",
    "SAMPLE_SENSITIVITY",
    "SENSITIVITY",
    "Answered",
    "Asking",
    "Measure",
    "Value",
]


@dataclass(frozen=True)
class Answered:
    """What one arm said about one data set; images that it was tuned on are left out.

    Attributes:
        rows: Under all instructions.
        records: Item id → what is known of the image.
        reading: How answers are to be read.
        unit: The stratum whose values intervals draw; None for images.
    """

    rows: Sequence[Prediction]
    records: Mapping[str, ImageRecord]
    reading: str
    unit: str | None = None


@dataclass(frozen=True)
class Value:
    """A number with its interval, where it has one, and how many images it is over; None is undefined."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Asking:
    """An arm and a data set, for a measure that asks for something else than labels.

    Attributes:
        arm: Name of the arm.
        recipe: The experiment.
        part: The data set.
        data: Its folder.
        subject: Who is asked.
        answers: Folder of the answers, kept for all recipes.
        tables: Folder of this recipe's results.
        votes: Folder of people's votes; None where nobody gave one.
    """

    arm: str
    recipe: Recipe
    part: DataPart
    data: Path
    subject: Predictor
    answers: Path
    tables: Path
    votes: Path | None


@dataclass(frozen=True)
class Measure:
    """One measure: of answers that name a label, or one that asks for something else.

    Attributes:
        title: What it is, as the axis of a picture says it.
        of: Line → value; the line is empty where there is one alone. None where `asks` is there.
        asks: Asks itself, and returns line → value, or what is still missing.
        share: Whether it is a share of images, shown in per cent.
        mean: Whether its mean over the data sets is a column of its own.
        about: What its lines are, where it has several.
    """

    title: str
    of: Callable[[Answered], Mapping[str, Value]] | None = None
    asks: Callable[[Asking], Mapping[str, Value] | Missing] | None = None
    share: bool = True
    mean: bool = False
    about: str = ""


def _accuracy(answered: Answered) -> Mapping[str, Value]:
    usual = [row for row in answered.rows if row.order is None]
    found = [each for each in score(usual, unit=answered.unit) if each.reading == answered.reading]
    return {
        each.instruction if len(found) > 1 else "": Value(each.accuracy, each.n, each.low, each.high)
        for each in found
    }


def _sensitivity(answered: Answered, *, sample: bool = False) -> Mapping[str, Value]:
    found = [
        each
        for each in stability(answered.rows, sample=sample)
        if each.over == "instruction" and each.reading == answered.reading
    ]
    return {"": Value(found[0].sensitivity, found[0].n)} if found else {}


ACCURACY: Final = Measure("accuracy (%)", _accuracy)
SENSITIVITY: Final = Measure("sensitivity", _sensitivity, share=False, mean=True)
SAMPLE_SENSITIVITY: Final = Measure("sensitivity", partial(_sensitivity, sample=True), share=False, mean=True)

MEASURES: Final[Registry[Measure]] = Registry(
    "measure",
    "emovit_train.measures",
    {
        "accuracy": "emovit_train.reproduction.measures:ACCURACY",
        "sensitivity": "emovit_train.reproduction.measures:SENSITIVITY",
        "sensitivity-sample": "emovit_train.reproduction.measures:SAMPLE_SENSITIVITY",
        "humour": "emovit_train.reproduction.jokes:HUMOUR",
        "reasoning": "emovit_train.reproduction.reasons:REASONING",
    },
)
