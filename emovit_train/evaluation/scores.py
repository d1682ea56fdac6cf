"""From predictions to scores: a row for each data set, group, model, instruction and way of reading."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import exp

from pydantic import BaseModel, ConfigDict

from emogen.errors import InputError
from emovit_train.evaluation.answers import UNKNOWN
from emovit_train.evaluation.metrics import accuracy, macro_f1, majority_share
from emovit_train.evaluation.predictions import Prediction, Ranking
from emovit_train.evaluation.statistics import calibration_error, flip_rate, interval, mcnemar, sensitivity

__all__ = ["Comparison", "Score", "Stability", "as_csv", "as_markdown", "compare", "score", "stability"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Score(_Frozen):
    """How well one model answered; shares are 0 to 1.

    Attributes:
        dataset: See `Prediction`, as for the next three.
        group: `memorised` is no test.
        model: Which model.
        instruction: Which instruction.
        reading: strict, lenient, sum or mean.
        n: Images with a label.
        accuracy: Share of right labels; `unknown` is wrong.
        low: Lower end of its 95% bootstrap interval.
        high: Upper end.
        macro_f1: Over labels that are true or predicted.
        unknown: Share of answers that could not be read.
        majority: Baseline: always the most frequent true label.
        random: Baseline: an option drawn at random.
        ece: Expected calibration error, of rankings.
    """

    dataset: str
    group: str
    model: str
    instruction: str
    reading: str
    n: int
    accuracy: float
    low: float
    high: float
    macro_f1: float
    unknown: float
    majority: float
    random: float
    ece: float | None = None


class Stability(_Frozen):
    """What changes with the instruction alone: Eq. 3 (None for NaN) and the share of images whose label changes."""

    dataset: str
    group: str
    model: str
    reading: str
    instructions: tuple[str, ...]
    n: int
    sensitivity: float | None
    flip_rate: float


class Comparison(_Frozen):
    """McNemar's exact test of two models on the images that both were asked about."""

    dataset: str
    group: str
    instruction: str
    reading: str
    first: str
    second: str
    n: int
    only_first: int
    only_second: int
    p: float


def _hits(rows: Iterable[Prediction], way: str) -> list[bool]:
    return [row.readings[way] == row.label for row in rows]


def _grouped(rows: Iterable[Prediction]) -> dict[tuple[str, ...], list[Prediction]]:
    """Return (data set, group, model, instruction, reading) → rows with a label.

    Raises:
        InputError: an image comes twice under the same.
    """
    groups: dict[tuple[str, ...], dict[str, Prediction]] = defaultdict(dict)
    for row in rows:
        for way in row.readings if row.label is not None else ():
            place = groups[row.dataset, row.group, row.model, row.instruction, way]
            if row.item_id in place:
                raise InputError(
                    f"{row.item_id} of {row.dataset} comes twice from {row.model}, {row.instruction}",
                    remedy="Give each file once, and each model a name of its own.",
                )
            place[row.item_id] = row
    return {key: list(found.values()) for key, found in groups.items()}


def score(rows: Sequence[Prediction]) -> list[Score]:
    """Return the scores, in the order in which the groups first come."""
    return [_score(key, found) for key, found in _grouped(rows).items()]


def _score(key: tuple[str, ...], rows: Sequence[Prediction]) -> Score:
    dataset, group, model, instruction, way = key
    true, said = [str(row.label) for row in rows], [row.readings[way] for row in rows]
    hits = _hits(rows, way)
    low, high = interval(hits)
    return Score(
        dataset=dataset,
        group=group,
        model=model,
        instruction=instruction,
        reading=way,
        n=len(rows),
        accuracy=accuracy(true, said),
        low=low,
        high=high,
        macro_f1=macro_f1(true, said),
        unknown=said.count(UNKNOWN) / len(said),
        majority=majority_share(true),
        random=sum(1 / len(row.labels) for row in rows) / len(rows),
        ece=calibration_error([_confidence(row.ranking, way) for row in rows], hits)
        if way in ("sum", "mean")
        else None,
    )


def _confidence(ranking: Ranking | None, way: str) -> float:
    """Return the chosen label's share of the candidates' probability."""
    assert ranking is not None
    scores = ranking.sums if way == "sum" else ranking.means
    highest = max(scores.values())
    return 1 / sum(exp(value - highest) for value in scores.values())


def stability(rows: Sequence[Prediction]) -> list[Stability]:
    """Return what changes with the instruction, over the images that were asked about under each."""
    together: dict[tuple[str, ...], dict[str, Mapping[str, Prediction]]] = defaultdict(dict)
    for (dataset, group, model, instruction, way), found in _grouped(rows).items():
        together[dataset, group, model, way][instruction] = {row.item_id: row for row in found}
    result = []
    for (dataset, group, model, way), by_instruction in together.items():
        ids = [
            i
            for i in next(iter(by_instruction.values()))
            if all(i in rows for rows in by_instruction.values())
        ]
        if len(by_instruction) < 2 or not ids:
            continue
        columns = [[rows[i] for i in ids] for rows in by_instruction.values()]
        shares = [sum(hits) / len(ids) for hits in (_hits(column, way) for column in columns)]
        eq3 = sensitivity({dataset: shares})
        result.append(
            Stability(
                dataset=dataset,
                group=group,
                model=model,
                reading=way,
                instructions=tuple(by_instruction),
                n=len(ids),
                sensitivity=None if eq3 != eq3 else eq3,
                flip_rate=flip_rate(
                    [[row.readings[way] for row in item] for item in zip(*columns, strict=True)]
                ),
            )
        )
    return result


def compare(rows: Sequence[Prediction]) -> list[Comparison]:
    """Return McNemar's test of each two models where they answered the same."""
    models: dict[tuple[str, ...], dict[str, Mapping[str, Prediction]]] = defaultdict(dict)
    for (dataset, group, model, instruction, way), found in _grouped(rows).items():
        models[dataset, group, instruction, way][model] = {row.item_id: row for row in found}
    result = []
    for (dataset, group, instruction, way), by_model in models.items():
        names = list(by_model)
        for first, second in ((a, b) for i, a in enumerate(names) for b in names[i + 1 :]):
            ids = [i for i in by_model[first] if i in by_model[second]]
            one, two = (_hits([by_model[name][i] for i in ids], way) for name in (first, second))
            only_first, only_second, p = mcnemar(one, two)
            place = {"dataset": dataset, "group": group, "instruction": instruction, "reading": way}
            counts = {"n": len(ids), "only_first": only_first, "only_second": only_second, "p": p}
            result.append(Comparison.model_validate({**place, **counts, "first": first, "second": second}))
    return result


def as_markdown(rows: Sequence[BaseModel]) -> str:
    """Return rows of one kind as a Markdown table; shares with three digits."""
    names = list(type(rows[0]).model_fields)
    lines = [names, ["---"] * len(names), *([_cell(getattr(row, name)) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_csv(rows: Sequence[BaseModel]) -> str:
    """Return rows of one kind as CSV, digits uncut."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(type(rows[0]).model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in rows)
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|")
