"""Captions that a model writes for images that people have written humorous captions about."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emogen.errors import InputError
from emogen.schemas import ImageRecord
from emovit_train.evaluation.datasets import open_dataset
from emovit_train.evaluation.datasets.check import read_items
from emovit_train.evaluation.datasets.dataset import Item, full_name
from emovit_train.evaluation.instructions import Instruction
from emovit_train.evaluation.items import Chosen, in_split
from emovit_train.evaluation.predicting import Predicted, predict_chosen
from emovit_train.evaluation.predictors import Predictor

__all__ = ["HUMOUR", "IMAGES", "Captioned", "captioned_images", "write_captions"]

# Of the paper's study.
IMAGES: Final = 50
# The paper does not print what it asked; these words are ours.
HUMOUR: Final = Instruction("humour", "Write a short, humorous caption for this image.", "{label}")


@dataclass(frozen=True)
class Captioned:
    """Images with people's captions.

    Attributes:
        dataset: Data set and task.
        images: Each image with its file.
        people: Image id → people's captions, the funniest first.
    """

    dataset: str
    images: list[tuple[str, Path]]
    people: dict[str, tuple[str, ...]]


def captioned_images(
    data: Path, *, dataset: str | None = None, split: str = "test", count: int = IMAGES, seed: int = 0
) -> Captioned:
    """Draw images that people have captioned.

    Args:
        data: Folder of the data set (OxfordTVG-HIC).
        dataset: Which it is; by default what is there decides.
        split: The images of which split.
        count: How many; the same seed draws a smaller number as the beginning of a larger one.
        seed: Of the draw.

    Raises:
        InputError: there are not so many, or the data set has no captions.
    """
    opened = open_dataset(data, dataset)
    items = [item for item in in_split(read_items(opened)[0], split, data) if item.captions]
    if len(items) < count:
        raise InputError(
            f"{len(items)} images of the split {split} have captions, and {count} are wanted",
            where=data,
            remedy="Take fewer (--limit), or another split.",
        )
    drawn = _drawn(items, count, seed)
    return Captioned(
        full_name(opened),
        [(item.id, opened.image_root / item.image) for item in drawn],
        {item.id: item.captions for item in drawn},
    )


def _drawn(items: Sequence[Item], count: int, seed: int) -> list[Item]:
    return random.Random(f"humour {seed}").sample(items, len(items))[:count]


def write_captions(
    predictor: Predictor, drawn: Captioned, out: Path, text: str | None = None, *, overwrite: bool = False
) -> Predicted:
    """Let a model write a caption for each image, into `out`/predictions.jsonl; the same call goes on.

    Args:
        predictor: Who writes.
        drawn: The images.
        out: Folder for the captions.
        text: What is asked; None is `HUMOUR`.
        overwrite: Throw away what `out` holds.

    Raises:
        InputError: an image cannot be used, or `out` holds somebody else's captions.
        EmovitError: no further caption can be written; what was is kept.
    """
    asked = HUMOUR if text is None else Instruction(HUMOUR.name, text, HUMOUR.answer)
    records = [(ImageRecord(id=name, image=path.name), path) for name, path in drawn.images]
    chosen = Chosen(drawn.dataset, records)
    return predict_chosen(predictor, chosen, [asked], out, speak=True, rank=False, overwrite=overwrite)
