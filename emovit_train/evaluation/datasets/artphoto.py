"""ArtPhoto (Machajdik and Hanbury, ACM Multimedia 2010): photographs by artists, labelled by who uploaded them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from emogen.errors import InputError
from emogen.labels import LABEL_SETS
from emovit_train.evaluation.datasets.dataset import Item, Known, OnProblem, Problem, each
from emovit_train.evaluation.datasets.files import images_in, stem
from emovit_train.evaluation.datasets.test_lists import our_split

__all__ = ["ArtPhoto"]

_FOLDER: Final = "testImages_artphoto"
# The files say `sad_0012.jpg`.
_PREFIXES: Final = {**{label: label for label in LABEL_SETS["mikels-8"]}, "sad": "sadness"}


class ArtPhoto:
    """ArtPhoto: 806 artistic photographs, eight emotions.

    Where: https://www.imageemotion.org. Licence: for research; the photographs are their artists'. There is no official
    split: see test_lists.py.

        testImages_artphoto/<emotion>_<id>.jpg    where sadness is called sad
    """

    name: ClassVar[str] = "artphoto"
    tasks: ClassVar[Mapping[str, tuple[str, ...]]] = {"8": LABEL_SETS["mikels-8"]}
    any_labels: ClassVar[bool] = False
    known: ClassVar[Known] = Known(
        images=806,
        by_label={
            "amusement": 101,
            "anger": 77,
            "awe": 102,
            "contentment": 70,
            "disgust": 70,
            "excitement": 105,
            "fear": 115,
            "sadness": 166,
        },
    )
    official = False

    def __init__(self, root: Path, task: str) -> None:
        self.task = task
        self.image_root = root / _FOLDER if (root / _FOLDER).is_dir() else root

    @classmethod
    def recognises(cls, root: Path) -> str | None:
        """It is told by its folder's name."""
        if (root / _FOLDER).is_dir():
            return f"{_FOLDER} is in it"
        return "it is called so" if root.name == _FOLDER else None

    def items(self, on_problem: OnProblem) -> Iterator[Item]:
        """Yield the images, and report those whose name begins with no emotion."""
        found = []
        for image in images_in(self.image_root):
            name = stem(image)
            emotion = _PREFIXES.get(name.split("_")[0].lower())
            if emotion is None or "/" in image:
                on_problem(Problem(str(self.image_root / image), "not called <emotion>_<id>.jpg"))
                continue
            found.append(Item(name, image, emotion, self.tasks["8"], our_split(self.name, name)))
        if not found:
            raise InputError(
                "no images called <emotion>_<id>.jpg",
                where=self.image_root,
                remedy="Unpack the archive again.",
            )
        yield from each(found, on_problem, self.image_root)
