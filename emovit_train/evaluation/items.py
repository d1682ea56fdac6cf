"""Which items of a data set are evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from emogen.errors import InputError, UnknownNameError
from emovit_train.evaluation.datasets.dataset import Item

__all__ = ["SPLITS", "in_split"]

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
