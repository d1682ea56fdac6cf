"""Which of two models is better, by what both were asked: McNemar's test and the difference with its interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from emogen.errors import InputError
from emovit_train.evaluation.grouping import Key, Rows, grouped, units_of
from emovit_train.evaluation.predictions import Prediction
from emovit_train.evaluation.statistics import interval, mcnemar

__all__ = ["Comparison", "compare", "told_apart"]


class Comparison(BaseModel):
    """Two models on the images that both were asked about.

    Attributes:
        dataset: See `Key`, as for the next five.
        group: `memorised` is no test.
        instruction: Which instruction.
        order: Which order of the options.
        reading: strict, lenient, sum or mean.
        stratum: Which part of the images.
        first: The one model.
        second: The other.
        n: Images.
        only_first: Images that only the first has right.
        only_second: Images that only the second has right.
        difference: Accuracy of the first less that of the second, -1 to 1.
        low: Lower end of its 95% bootstrap interval, by pairs.
        high: Upper end.
        p: Of McNemar's exact test, two-sided; it takes images to be independent, whatever the unit of the interval.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    group: str
    instruction: str
    order: int | None = None
    reading: str
    stratum: str = ""
    first: str
    second: str
    n: int
    only_first: int
    only_second: int
    difference: float
    low: float
    high: float
    p: float


def compare(
    rows: Sequence[Prediction], *, by: Sequence[str] = (), unit: str | None = None
) -> list[Comparison]:
    """Compare each two models where they answered the same; see `emovit_train.evaluation.scores.score` for the rest."""
    models: dict[Key, dict[str, Rows]] = defaultdict(dict)
    for key, found in grouped(rows, by).items():
        models[replace(key, model="")][key.model] = found
    return [
        _comparison(key, (first, second), (by_model[first], by_model[second]), unit)
        for key, by_model in models.items()
        for first, second in combinations(by_model, 2)
        if by_model[first].keys() & by_model[second].keys()
    ]


def _comparison(key: Key, names: tuple[str, str], models: tuple[Rows, Rows], unit: str | None) -> Comparison:
    ids = [i for i in models[0] if i in models[1]]
    first, second = ([rows[i].hit(key.reading) for i in ids] for rows in models)
    only_first, only_second, p = mcnemar(first, second)
    gains = [one - two for one, two in zip(first, second, strict=True)]
    low, high = interval(gains, units=units_of((models[0][i] for i in ids), unit))
    return Comparison(
        dataset=key.dataset,
        group=key.group,
        instruction=key.instruction,
        order=key.order,
        reading=key.reading,
        stratum=key.stratum,
        first=names[0],
        second=names[1],
        n=len(ids),
        only_first=only_first,
        only_second=only_second,
        difference=sum(gains) / len(gains),
        low=low,
        high=high,
        p=p,
    )


def told_apart(files: dict[Path, list[Prediction]]) -> list[Prediction]:
    """Return the rows of all files, with models of the same name told apart by the file that they are in.

    Raises:
        InputError: a file holds several models.
    """
    models = {file: sorted({row.model for row in rows}) for file, rows in files.items()}
    for file, names in models.items():
        if len(names) > 1:
            raise InputError(
                f"there are {len(names)} models in it: {', '.join(names)}",
                where=file,
                remedy="Give a file for each; `emovit_train score` compares all that are in one.",
            )
    if len({names[0] for names in models.values()}) == len(models):
        return [row for rows in files.values() for row in rows]
    return [
        row.model_copy(update={"model": f"{row.model} ({file})"})
        for file, rows in files.items()
        for row in rows
    ]
