"""What changes in a model's answers with nothing but the wording of the instruction, or the order of its options."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict

from emovit_train.evaluation.grouping import Key, Rows, grouped
from emovit_train.evaluation.predictions import Prediction
from emovit_train.evaluation.statistics import flip_rate, sensitivity

__all__ = ["Stability", "stability"]


class Stability(BaseModel):
    """How much one model's labels depend on how it was asked.

    Attributes:
        dataset: See `Key`, as for the next three.
        group: `memorised` is no test.
        model: Which model.
        reading: strict, lenient, sum or mean.
        over: What changes: the instruction, or the order of the options under one instruction.
        variants: The instructions, or the instruction and the number of each order.
        n: Images that were asked about under each.
        accuracies: Accuracy under each, 0 to 1.
        sensitivity: Equation 3 of the paper; None (for NaN) where no answer is right.
        flip_rate: Share of images whose label is not the same under each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    group: str
    model: str
    reading: str
    over: Literal["instruction", "order"]
    variants: tuple[str, ...]
    n: int
    accuracies: tuple[float, ...]
    sensitivity: float | None
    flip_rate: float


def stability(rows: Sequence[Prediction], *, sample: bool = False) -> list[Stability]:
    """Return what changes with the instruction, and with the order of options, over the images asked about under each.

    Args:
        rows: Predictions.
        sample: See `emovit_train.evaluation.statistics.sensitivity`.
    """
    return [
        row
        for key, by_variant in _varied(grouped(rows))
        for row in _stability(key, by_variant, sample=sample)
    ]


def _varied(groups: Mapping[Key, Rows]) -> Iterator[tuple[Key, Mapping[str, Rows]]]:
    """Yield what is compared; a key without an instruction is of several, all in the usual order of options."""
    worded: dict[Key, dict[str, Rows]] = defaultdict(dict)
    ordered: dict[Key, dict[str, Rows]] = defaultdict(dict)
    for key, rows in groups.items():
        if key.order is None:
            worded[replace(key, instruction="")][key.instruction] = rows
        # Who asks may give each order a name of its own, as predictions are told apart by it.
        name = key.instruction.removesuffix(f", order {key.order}")
        ordered[replace(key, instruction=name, order=None)][_name(name, key.order)] = rows
    yield from worded.items()
    yield from ordered.items()


def _name(instruction: str, order: int | None) -> str:
    return instruction if order is None else f"{instruction}, order {order}"


def _stability(key: Key, by_variant: Mapping[str, Rows], *, sample: bool) -> Iterator[Stability]:
    ids = [i for i in next(iter(by_variant.values())) if all(i in rows for rows in by_variant.values())]
    if len(by_variant) < 2 or not ids:
        return
    columns = [[rows[i] for i in ids] for rows in by_variant.values()]
    accuracies = tuple(sum(row.hit(key.reading) for row in column) / len(ids) for column in columns)
    eq3 = sensitivity({key.dataset: accuracies}, sample=sample)
    yield Stability(
        dataset=key.dataset,
        group=key.group,
        model=key.model,
        reading=key.reading,
        over="order" if key.instruction else "instruction",
        variants=tuple(by_variant),
        n=len(ids),
        accuracies=accuracies,
        sensitivity=None if eq3 != eq3 else eq3,
        flip_rate=flip_rate(
            [[row.readings[key.reading] for row in item] for item in zip(*columns, strict=True)]
        ),
    )
