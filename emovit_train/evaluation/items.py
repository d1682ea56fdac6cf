"""Which images are evaluated: records, or a split of a data set."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from emogen.errors import InputError, UnknownNameError
from emogen.schemas import ImageRecord
from emogen.terminal import note
from emovit_train.data import data_file, read_records
from emovit_train.evaluation.datasets import open_dataset
from emovit_train.evaluation.datasets.check import read_items
from emovit_train.evaluation.datasets.dataset import Item, full_name

__all__ = ["RECORDS", "SPLITS", "Chosen", "choose_images", "in_split"]

# What a run's records are called where predictions of several data sets are compared.
RECORDS: Final = "records"

SPLITS: Final = ("train", "val", "test", "all")


def in_split(items: Sequence[Item], split: str, where: Path) -> list[Item]:
    """Return the items of a split; those of data without splits belong to each.

    Raises:
        UnknownNameError: there is no such split.
        InputError: no item is in it.
    """
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS, where="--split")
    found = [item for item in items if split == "all" or item.split in (None, split)]
    if not found:
        raise InputError(
            f"no image is in the split {split}",
            where=where,
            remedy="Choose another: --split all takes every image.",
        )
    return found


@dataclass(frozen=True)
class Chosen:
    """What is evaluated.

    Attributes:
        dataset: Data set and task (`emotion6-6`), or `records`.
        records: Each labelled image with its file.
        votes: Item id → people's votes, where the data set keeps them.
        strata: Item id → its value of each stratum.
    """

    dataset: str
    records: list[tuple[ImageRecord, Path]]
    votes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    strata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The options of all images, in the order in which they first come."""
        return tuple(dict.fromkeys(label for record, _ in self.records for label in record.labels))

    @property
    def ids(self) -> frozenset[str]:
        """What the images are called."""
        return frozenset(record.id for record, _ in self.records)

    def some(self, limit: int | None, seed: int | None = None) -> Chosen:
        """Return the first `limit` images, or all; in an order drawn with `seed` where there is one."""
        records = self.records
        if seed is not None:
            records = random.Random(f"images {seed}").sample(records, len(records))
        return replace(self, records=records[:limit])


def choose_images(data: Path, images: Path | None, name: str | None, task: str | None, split: str) -> Chosen:
    """Read a run's records, or, where a data set is named, the labelled images of one of its splits.

    What is wrong with images of a data set is counted on stderr; `datasets check` tells it.

    Raises:
        InputError: nothing is there, or no image of the split has a label.
    """
    if name is None:
        if data.is_dir() and not data_file(data).is_file():
            raise InputError(
                "is no run folder",
                where=data,
                remedy="Name one, or a records file; a folder of images or a data set goes with --as, see "
                "`emovit_train datasets list`.",
            )
        return Chosen(RECORDS, read_records(data, images))
    dataset = open_dataset(data, name, task)
    items, problems = read_items(dataset)
    left_out = sum(problem.left_out for problem in problems)
    if left_out:
        note(
            f"{left_out:,} images or rows of {full_name(dataset)} cannot be used: emovit_train datasets check {data}"
        )
    records = [
        (
            ImageRecord(
                id=item.id, image=item.image, emotion=item.label, labels=item.labels, split=item.split
            ),
            dataset.image_root / item.image,
        )
        for item in in_split(items, split, data)
        if item.label is not None
    ]
    if not records:
        raise InputError(
            f"no image of {full_name(dataset)} has a label",
            where=data,
            remedy="Choose a data set whose images are to be classified.",
        )
    votes = {item.id: item.distribution for item in items if item.distribution is not None}
    return Chosen(full_name(dataset), records, votes)
