"""Predictions that are to be counted together: one data set, group, model, instruction, order and way of reading."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from emogen.errors import InputError
from emovit_train.evaluation.predictions import Prediction

__all__ = ["Key", "OfImages", "OfPredictions", "Rows", "grouped", "units_of", "with_strata"]

Rows = dict[str, Prediction]


@dataclass(frozen=True)
class Key:
    """What the predictions of one score have in common.

    Attributes:
        dataset: See `Prediction`, as for the next four.
        group: `memorised` is no test.
        model: Which model.
        instruction: Which instruction.
        order: Which order of the options.
        reading: strict, lenient, sum or mean.
        stratum: Which part of the images, such as `style=drawn`; empty for all of them.
    """

    dataset: str
    group: str
    model: str
    instruction: str
    order: int | None
    reading: str
    stratum: str


class OfPredictions(BaseModel):
    """A row of a table about predictions that have this in common.

    Attributes:
        dataset: See `Key`, as for the next five.
        group: `memorised` is no test.
        model: Which model.
        instruction: Which instruction.
        order: Which order of the options.
        reading: strict, lenient, sum or mean.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    group: str
    model: str
    instruction: str
    order: int | None = None
    reading: str


class OfImages(OfPredictions):
    """The same where parts of the images may be told apart.

    Attributes:
        stratum: Which part of the images.
    """

    stratum: str = ""


def grouped(rows: Iterable[Prediction], by: Sequence[str] = ()) -> dict[Key, Rows]:
    """Return key → item id → row, of rows with a label, in the order in which the keys first come.

    Args:
        rows: Predictions.
        by: Strata that are told apart, by their names in `Prediction.strata`.

    Raises:
        InputError: an image comes twice under the same key, or has no such stratum.
    """
    groups: dict[Key, Rows] = defaultdict(dict)
    for row in rows:
        for key in _keys(row, by) if row.label is not None else ():
            if row.item_id in groups[key]:
                raise InputError(
                    f"{row.item_id} of {row.dataset} comes twice from {row.model}, {row.instruction}",
                    remedy="Give each file once, and each model a name of its own.",
                )
            groups[key][row.item_id] = row
    return dict(groups)


def _keys(row: Prediction, by: Sequence[str]) -> Iterator[Key]:
    stratum = ", ".join(f"{name}={stratum_of(row, name)}" for name in by)
    for reading in row.readings:
        yield Key(row.dataset, row.group, row.model, row.instruction, row.order, reading, stratum)


def stratum_of(row: Prediction, name: str) -> str:
    """Return the value of a stratum.

    Raises:
        InputError: the image has none of that name.
    """
    if name not in row.strata:
        known = ", ".join(row.strata) or "none"
        raise InputError(
            f"{row.item_id} of {row.dataset} has no stratum {name!r}; it has {known}",
            remedy="Name one that each image has, or give a table of them with --strata.",
        )
    return row.strata[name]


def units_of(rows: Iterable[Prediction], unit: str | None) -> list[str] | None:
    """Return each row's unit of resampling; None where each row is one."""
    return None if unit is None else [stratum_of(row, unit) for row in rows]


def with_strata(rows: Sequence[Prediction], table: Path) -> list[Prediction]:
    """Return the rows with the strata of a CSV table: a column `item_id`, and a column for each stratum.

    Raises:
        InputError: the table cannot be read, or lacks an image.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot be read: {error}", where=table, remedy="Give a CSV table in UTF-8."
        ) from error
    if not lines or "item_id" not in lines[0]:
        raise InputError(
            "no column item_id", where=table, remedy="Give item_id, and a column for each stratum."
        )
    strata = {line["item_id"]: _strata(line, table) for line in lines}
    without = sorted({row.item_id for row in rows} - strata.keys())
    if without:
        raise InputError(
            f"{len(without)} images are not in it: {without[0]}", where=table, remedy="Add a line for each."
        )
    return [row.model_copy(update={"strata": row.strata | strata[row.item_id]}) for row in rows]


def _strata(line: dict[str, str], table: Path) -> dict[str, str]:
    strata = {name: value for name, value in line.items() if name != "item_id"}
    if None in strata or None in strata.values():
        raise InputError(
            f"the line of {line['item_id']} has not as many cells as the heading",
            where=table,
            remedy="Mend it.",
        )
    return strata
