"""UnbiasedEmo (Panda et al., ECCV 2018): the same objects in six emotions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import ClassVar

from emogen.errors import InputError
from emogen.labels import LABEL_SETS
from emovit_train.evaluation.datasets.class_folders import class_folders
from emovit_train.evaluation.datasets.dataset import Item, Known, OnProblem, each
from emovit_train.evaluation.datasets.test_lists import our_split

__all__ = ["UnbiasedEmo"]


class UnbiasedEmo:
    """UnbiasedEmo: 3,045 images of the same objects in six emotions: love is one, disgust is not.

    Where: https://rpand002.github.io/emotion.html. Licence: for research; the images are their owners'. The same page
    offers "Emotion-6" (8,350 images, no folders by object), which is another set, and not Cornell's Emotion6 either.
    There is no official split: see test_lists.py.

        images/<emotion>/<object>/<file>.jpg
    """

    name: ClassVar[str] = "unbiasedemo"
    tasks: ClassVar[Mapping[str, tuple[str, ...]]] = {"6": LABEL_SETS["unbiased-6"]}
    any_labels: ClassVar[bool] = False
    known: ClassVar[Known] = Known(images=3_045)
    official = False

    def __init__(self, root: Path, task: str) -> None:
        self.task = task
        self.image_root = root

    @classmethod
    def recognises(cls, root: Path) -> str | None:
        """It is told by images/love with folders in it."""
        love = root / "images" / "love"
        deep = love.is_dir() and any(path.is_dir() for path in love.iterdir())
        return "images/love/<object> is in it" if deep else None

    def items(self, on_problem: OnProblem) -> Iterator[Item]:
        """Yield the images; the first folder is the emotion, the second the object."""
        found = []
        for image, emotion in class_folders(self.image_root, self.tasks["6"], on_problem, below="images"):
            parts = PurePosixPath(image).parts
            if len(parts) < 4:
                raise InputError(
                    "no folder of an object between the emotion and the image",
                    where=self.image_root / image,
                    remedy="Take UnbiasedEmo, not the other set of the same page (Emotion-6).",
                )
            name = PurePosixPath(*parts[1:]).with_suffix("").as_posix()
            found.append(Item(name, image, emotion, self.tasks["6"], our_split(self.name, name)))
        if not found:
            raise InputError(
                "no images in images/<emotion>/<object>/",
                where=self.image_root,
                remedy="Unpack the archive again.",
            )
        yield from each(found, on_problem, self.image_root)
