"""Emotion6 (Peng et al., CVPR 2015): six keyword folders, and how fifteen people felt about each image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from emogen.errors import InputError, shorten
from emogen.labels import LABEL_SETS
from emovit_train.evaluation.datasets.dataset import Item, Known, OnProblem, Problem, each
from emovit_train.evaluation.datasets.files import images_in, stem, table_rows
from emovit_train.evaluation.datasets.test_lists import our_split

__all__ = ["SAME_AS_EMOTIONROI", "Emotion6"]

SAME_AS_EMOTIONROI: Final = (
    "Emotion6 and EmotionROI are the same 1,980 images: "
    "what was trained on one is not held out from the other."
)
_TRUTH: Final = "ground_truth.txt"
_SEVEN: Final = (*LABEL_SETS["ekman-6"], "neutral")


class Emotion6:
    """Emotion6: 1,980 images by six search words, with the distribution of viewers' emotions.

    Where: Cornell's Advanced Multimedia Processing Lab, http://chenlab.ece.cornell.edu/downloads.html. Licence: for
    research; the images are Flickr users'. Task 6 asks for the search word (the folder); task 7 for what most viewers
    felt, neutral included, and keeps the whole distribution. There is no official split: see test_lists.py.

        images/<emotion>/<number>.jpg
        ground_truth.txt    file, valence, arousal, seven shares; separated by tabs
    """

    name: ClassVar[str] = "emotion6"
    tasks: ClassVar[Mapping[str, tuple[str, ...]]] = {"6": LABEL_SETS["ekman-6"], "7": _SEVEN}
    any_labels: ClassVar[bool] = False
    known: ClassVar[Known] = Known(
        images=1_980,
        by_label=dict.fromkeys(LABEL_SETS["ekman-6"], 330),
        remarks=(SAME_AS_EMOTIONROI,),
    )
    official = False

    def __init__(self, root: Path, task: str) -> None:
        self.task = task
        self.image_root = root

    @classmethod
    def recognises(cls, root: Path) -> str | None:
        """It is told by ground_truth.txt; EmotionROI has a folder ground_truth."""
        return f"{_TRUTH} is in it" if (root / _TRUTH).is_file() else None

    def items(self, on_problem: OnProblem) -> Iterator[Item]:
        """Yield an item for each row of ground_truth.txt, and report images that no row names."""
        found = [self._item(where, row, on_problem) for where, row in self._rows()]
        named = {item.image for item in found}
        for image in images_in(self.image_root, "images"):
            if image not in named:
                on_problem(Problem(str(self.image_root / image), f"not in {_TRUTH}"))
        yield from each(found, on_problem, self.image_root)

    def _rows(self) -> Iterator[tuple[str, dict[str, str]]]:
        wanted = ("image_filename", *(f"prob. {label}" for label in _SEVEN))
        return table_rows(self.image_root / _TRUTH, wanted, delimiter="\t")

    def _item(self, where: str, row: dict[str, str], on_problem: OnProblem) -> Item:
        file = row["image_filename"]
        keyword, _, name = file.partition("/")
        if keyword not in self.tasks["6"] or not name or "/" in name:
            raise InputError(
                f"not <emotion>/<number>.jpg: {shorten(file)}",
                where=where,
                remedy="Unpack the archive again.",
            )
        identity = f"{keyword}/{stem(name)}"
        split = our_split(self.name, identity)
        shares = {label: _share(row[f"prob. {label}"], where) for label in _SEVEN}
        if abs(sum(shares.values()) - 1) > 0.02:
            raise InputError(
                f"the shares sum to {sum(shares.values()):.3f}, not 1",
                where=where,
                remedy="Unpack the archive again.",
            )
        if self.task == "6":
            return Item(identity, f"images/{file}", keyword, self.tasks["6"], split)
        first = [label for label, share in shares.items() if share == max(shares.values())]
        if len(first) > 1:
            on_problem(
                Problem(where, f"a tie of {' and '.join(first)}: no single label is right", left_out=False)
            )
        label = first[0] if len(first) == 1 else None
        return Item(identity, f"images/{file}", label, _SEVEN, split, distribution=shares)


def _share(text: str, where: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise InputError(
            f"not a share from 0 to 1: {shorten(text)!r}", where=where, remedy="Unpack the archive again."
        )
    return share
