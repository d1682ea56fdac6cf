"""EmoSet-118K (Yang et al., ICCV 2023); the layout is read by `emogen.sources`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from emogen.labels import LABEL_SETS
from emogen.sources import OnProblem, SourceOptions, open_source
from emogen.sources.emoset import EmoSetSource
from emovit_train.evaluation.datasets.dataset import POLARITY, Item, Known, each, polar

__all__ = ["EmoSet"]


class EmoSet:
    """EmoSet-118K: 118,102 images, eight emotions, with the authors' split 80/5/15.

    Where: https://vcc.tech/EmoSet, by the authors' form. Licence: non-commercial research, images by their owners.
    Labels are read by name: the authors' own numbers are in another order than the alphabet's, and copies change them.
    """

    name: ClassVar[str] = "emoset"
    tasks: ClassVar[Mapping[str, tuple[str, ...]]] = {"8": LABEL_SETS["mikels-8"], "2": POLARITY}
    any_labels: ClassVar[bool] = False
    known: ClassVar[Known] = Known(
        images=118_102,
        by_label={
            "amusement": 19_445,
            "anger": 10_660,
            "awe": 15_037,
            "contentment": 16_337,
            "disgust": 10_666,
            "excitement": 19_828,
            "fear": 13_453,
            "sadness": 12_676,
        },
        test=17_716,
    )
    official = True

    def __init__(self, root: Path, task: str) -> None:
        self.task = task
        self.image_root = root

    @classmethod
    def recognises(cls, root: Path) -> str | None:
        """It is told by info.json beside the split lists."""
        return EmoSetSource.recognises(root)

    def items(self, on_problem: OnProblem) -> Iterator[Item]:
        """Yield the images of train.json, val.json and test.json whose file is there."""
        records = open_source(self.image_root, SourceOptions(), name="emoset").records(on_problem)
        found = [
            Item(record.id, record.image, record.emotion, self.tasks[self.task], record.split)
            for record in records
        ]
        if self.task == "2":
            found = [replace(item, label=polar(item.label)) for item in found]
        yield from each(found, on_problem, self.image_root)
