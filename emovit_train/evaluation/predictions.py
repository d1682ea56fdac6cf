"""The row that every predictor writes and every table is made from: one item, one instruction, one model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from emovit_train.evaluation.answers import best, read_lenient, read_strict
from emovit_train.jsonl import read_objects, validated

__all__ = ["Prediction", "Ranking", "read_answer", "read_predictions"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ranking(_Frozen):
    """Label → log-probability of its answer: summed over the tokens and EOS, and the mean per token."""

    sums: dict[str, float]
    means: dict[str, float]

    def by(self, way: str) -> Mapping[str, float]:
        """Return the scores of one way of reading: `sum` or `mean`."""
        return self.sums if way == "sum" else self.means


class Prediction(_Frozen):
    """What a model said about one image under one instruction.

    Attributes:
        dataset: Data set and task (`emotion6-6`), or `records`.
        item_id: The image's id there.
        image: Its file.
        image_sha256: Of the file as it was shown; empty where nobody noted it.
        group: `memorised` if the model was trained on this photograph, whatever its split says.
        label: The true label; None where there is none (a tie of votes).
        labels: The options, as listed in the question.
        model: The model, as it is to be named in tables.
        instruction: Name of the instruction.
        order: Number of the order in which the options were shuffled; None for the data set's own order.
        question: The question as asked.
        answer: What the model said; None where it was not let speak.
        strict: The answer read strictly.
        lenient: The answer read leniently.
        ranking: The candidates' scores; None where they were not ranked.
        distribution: Label → share of people's votes, where they are known.
        strata: What the image is told apart or resampled by in tables: name → value (`style` → `drawn`).
    """

    dataset: str
    item_id: str
    image: str
    group: str
    label: str | None
    labels: tuple[str, ...]
    model: str
    instruction: str
    order: int | None = None
    question: str
    answer: str | None = None
    strict: str | None = None
    lenient: str | None = None
    ranking: Ranking | None = None
    distribution: dict[str, float] | None = None
    strata: dict[str, str] = {}
    image_sha256: str = ""

    @property
    def readings(self) -> Mapping[str, str]:
        """Way of reading → label or `unknown`: strict, lenient, sum and mean, as far as they are there."""
        read = {"strict": self.strict, "lenient": self.lenient}
        if self.ranking is not None:
            read |= {"sum": best(self.ranking.sums), "mean": best(self.ranking.means)}
        return {way: label for way, label in read.items() if label is not None}

    def hit(self, reading: str) -> bool:
        """Whether the label, read this way, is the true one."""
        return self.readings[reading] == self.label


def read_answer(row: Prediction) -> Prediction:
    """Return the row with its answer read by the rules as they are now."""
    if row.answer is None:
        return row
    strict = read_strict(row.answer, row.labels)
    lenient = read_lenient(row.answer, row.labels, row.question)
    return row.model_copy(update={"strict": strict, "lenient": lenient})


def read_predictions(path: Path) -> list[Prediction]:
    """Read a file of predictions; answers are read anew, by the rules as they are now.

    Raises:
        InputError: the file is missing or empty, or a line is no prediction; names it.
    """
    return [read_answer(validated(Prediction, value, where)) for where, value in read_objects(path)]
