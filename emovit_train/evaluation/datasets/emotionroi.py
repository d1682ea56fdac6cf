"""EmotionROI (Peng et al., ICIP 2016): Emotion6's images with maps of what evokes the emotion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from emogen.errors import InputError, shorten
from emogen.labels import LABEL_SETS
from emogen.schemas import Split
from emovit_train.evaluation.datasets.dataset import Item, Known, OnProblem, Problem, each
from emovit_train.evaluation.datasets.emotion6 import SAME_AS_EMOTIONROI
from emovit_train.evaluation.datasets.files import images_in, lines_of, stem

__all__ = ["EmotionROI"]

_LISTS: Final[Mapping[str, Split]] = {"training.txt": "train", "testing.txt": "test"}


class EmotionROI:
    """EmotionROI: 1,980 images, six emotions, with the authors' split of 1,386 and 594.

    Where: Cornell's Advanced Multimedia Processing Lab, http://chenlab.ece.cornell.edu/downloads.html. Licence: for
    research; the images are Flickr users'. The maps in ground_truth/ are images, too, and are never read as items.

        images/<emotion>/<number>.jpg
        ground_truth/<emotion>/<number>.jpg
        training_testing_split/{training,testing}.txt    <emotion>/<number>.jpg; in some copies at the root
    """

    name: ClassVar[str] = "emotionroi"
    tasks: ClassVar[Mapping[str, tuple[str, ...]]] = {"6": LABEL_SETS["ekman-6"]}
    any_labels: ClassVar[bool] = False
    known: ClassVar[Known] = Known(
        images=1_980,
        by_label=dict.fromkeys(LABEL_SETS["ekman-6"], 330),
        test=594,
        remarks=(SAME_AS_EMOTIONROI,),
    )
    official = True

    def __init__(self, root: Path, task: str) -> None:
        self.task = task
        self.image_root = root

    @classmethod
    def recognises(cls, root: Path) -> str | None:
        """It is told by its two lists."""
        folder = _lists_in(root)
        return f"{folder.name}/testing.txt is in it" if folder else None

    def items(self, on_problem: OnProblem) -> Iterator[Item]:
        """Yield the items of both lists, and report images that no list names."""
        folder = _lists_in(self.image_root)
        if folder is None:
            raise InputError(
                "no training.txt and testing.txt, at the root or in training_testing_split",
                where=self.image_root,
                remedy="Unpack the archive again.",
            )
        found: dict[str, Item] = {}
        for name, split in _LISTS.items():
            for where, line in lines_of(folder / name):
                item = self._item(where, line, split)
                if item.id in found:
                    raise InputError(
                        f"{line} is in a list already", where=where, remedy="Unpack the archive again."
                    )
                found[item.id] = item
        named = {item.image for item in found.values()}
        for image in images_in(self.image_root, "images"):
            if image not in named:
                on_problem(Problem(str(self.image_root / image), "in neither list"))
        yield from each(list(found.values()), on_problem, self.image_root)

    def _item(self, where: str, line: str, split: Split) -> Item:
        emotion, _, name = line.partition("/")
        if emotion not in self.tasks["6"] or not name or "/" in name:
            raise InputError(
                f"not <emotion>/<number>.jpg: {shorten(line)}",
                where=where,
                remedy="Unpack the archive again.",
            )
        return Item(f"{emotion}/{stem(name)}", f"images/{line}", emotion, self.tasks["6"], split)


def _lists_in(root: Path) -> Path | None:
    folders = (root / "training_testing_split", root)
    return next((folder for folder in folders if all((folder / name).is_file() for name in _LISTS)), None)
