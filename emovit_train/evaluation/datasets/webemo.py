"""WEBEmo (Panda et al., ECCV 2018): stock photographs by search words, in three levels of labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import ClassVar, Final
from urllib.parse import unquote, urlsplit

from emogen.errors import InputError, shorten
from emogen.labels import LABEL_SETS
from emogen.schemas import Split
from emovit_train.evaluation.datasets.dataset import Item, Known, OnProblem, Problem, each
from emovit_train.evaluation.datasets.files import images_in, lines_of, stem

__all__ = ["WEBEMO_25", "WEBEmo"]

# Each label of the level of 25, as in the authors' category.txt, and where it belongs on those of 7 and of 2.
_HIERARCHY: Final[Mapping[str, tuple[str, str]]] = {
    "affection": ("love", "positive"),
    "cheerfulness": ("joy", "positive"),
    "confusion": ("confusion", "negative"),
    "contentment": ("joy", "positive"),
    "disappointment": ("sadness", "negative"),
    "disgust": ("anger", "negative"),
    "enthrallment": ("joy", "positive"),
    "envy": ("anger", "negative"),
    "exasperation": ("anger", "negative"),
    "gratitude": ("love", "positive"),
    "horror": ("fear", "negative"),
    "irritability": ("anger", "negative"),
    "lust": ("love", "positive"),
    "neglect": ("sadness", "negative"),
    "nervousness": ("fear", "negative"),
    "optimism": ("joy", "positive"),
    "pride": ("joy", "positive"),
    "rage": ("anger", "negative"),
    "relief": ("joy", "positive"),
    "sadness": ("sadness", "negative"),
    "shame": ("sadness", "negative"),
    "suffering": ("sadness", "negative"),
    "surprise": ("surprise", "positive"),
    "sympathy": ("sadness", "negative"),
    "zest": ("joy", "positive"),
}
WEBEMO_25: Final = LABEL_SETS["webemo-25"]
# The authors' spellings.
_ALIASES: Final = {"cheerfullness": "cheerfulness", "irritabilty": "irritability"}
_FOLDERS: Final[Mapping[str, Split]] = {
    "train25": "train",
    "train": "train",
    "test25": "test",
    "test": "test",
}
_PARENTS: Final = ("", "images/")


class WEBEmo:
    """WEBEmo: 267,441 links to stock photographs; 25, 7 or 2 labels, with the authors' split.

    Where: https://rpand002.github.io/emotion.html (lists of links). Licence: lists for research; the photographs are
    the stock sites'. The labels are spelt right here: the authors write cheerfullness and irritabilty. Surprise counts
    as positive. Their page speaks of six labels on the second level; the file has seven, confusion being one.

        {train25,test25,train,test}/<0 to 24, or the label>/<file>.jpg, also under images/
        train25.txt, test25.txt    <link> <0 to 24>; where they are there, the folders are checked against them
    """

    name: ClassVar[str] = "webemo"
    tasks: ClassVar[Mapping[str, tuple[str, ...]]] = {
        level: LABEL_SETS[f"webemo-{level}"] for level in ("25", "7", "2")
    }
    any_labels: ClassVar[bool] = False
    known: ClassVar[Known] = Known(
        images=267_441, test=53_489, dwindles="many of the links are dead: no copy is whole"
    )
    official = True

    def __init__(self, root: Path, task: str) -> None:
        self.task = task
        self.image_root = root

    @classmethod
    def recognises(cls, root: Path) -> str | None:
        """It is told by test25, list or folder."""
        found = next(
            (name for name in ("test25.txt", "test25", "images/test25") if (root / name).exists()), None
        )
        return f"{found} is in it" if found else None

    def items(self, on_problem: OnProblem) -> Iterator[Item]:
        """Yield the images in the folders of both splits."""
        listed = self._listed(on_problem)
        found = [
            item
            for folder, split in self._folders().items()
            for item in self._in_folder(folder, split, listed, on_problem)
        ]
        if not found:
            raise InputError(
                "links without images" if listed else "no images in train25/ or test25/",
                where=self.image_root,
                remedy="Download what the links still give into test25/<number of the label>/.",
            )
        yield from each(found, on_problem, self.image_root)

    def _folders(self) -> dict[str, Split]:
        return {
            parent + name: split
            for name, split in _FOLDERS.items()
            for parent in _PARENTS
            if (self.image_root / parent / name).is_dir()
        }

    def _in_folder(
        self, folder: str, split: Split, listed: Mapping[str, str], on_problem: OnProblem
    ) -> Iterator[Item]:
        names = [path.name for path in (self.image_root / folder).iterdir() if path.is_dir()]
        numbers = {int(name) for name in names if name.isdecimal()}
        if len(names) == len(numbers) == 10 and numbers == set(range(10)):
            raise InputError(
                "only labels 0 to 9: some downloader took the last digit of a line for the label, "
                "so that 24 became 4",
                where=self.image_root / folder,
                remedy="Sort the images anew by train25.txt and test25.txt.",
            )
        for image in images_in(self.image_root, folder):
            parts = PurePosixPath(image).relative_to(folder).parts
            label = _label(parts[0]) if len(parts) > 1 else None
            if label is None:
                on_problem(
                    Problem(str(self.image_root / image), "not in a folder of a label (0 to 24, or its name)")
                )
            elif listed.get(stem(image), label) != label:
                on_problem(
                    Problem(
                        str(self.image_root / image),
                        f"in the folder of {label}, and the list says {listed[stem(image)]}",
                    )
                )
            else:
                shown = self._shown(label)
                yield Item(f"{split}/{label}/{stem(image)}", image, shown, self.tasks[self.task], split)

    def _shown(self, label: str) -> str:
        return {"25": label, "7": _HIERARCHY[label][0], "2": _HIERARCHY[label][1]}[self.task]

    def _listed(self, on_problem: OnProblem) -> dict[str, str]:
        """Return file name without suffix → label, as the lists say, of names that are there once."""
        said: dict[str, set[str]] = {}
        for name in ("train25.txt", "test25.txt"):
            if not (self.image_root / name).is_file():
                continue
            for where, line in lines_of(self.image_root / name):
                link, _, number = line.rpartition(" ")
                label = _label(number) if number.isdecimal() else None
                if label is None or not link:
                    raise InputError(
                        f"not <link> <0 to 24>: {shorten(line)}", where=where, remedy="Take the list anew."
                    )
                said.setdefault(stem(unquote(urlsplit(link.strip()).path)), set()).add(label)
        unclear = sum(len(labels) > 1 for labels in said.values())
        if unclear:
            on_problem(
                Problem(
                    str(self.image_root),
                    f"{unclear} names stand in the lists under several labels",
                    left_out=False,
                )
            )
        return {name: next(iter(labels)) for name, labels in said.items() if len(labels) == 1}


def _label(text: str) -> str | None:
    if text.isdecimal():
        return WEBEMO_25[int(text)] if int(text) < len(WEBEMO_25) else None
    name = _ALIASES.get(text.casefold(), text.casefold())
    return name if name in _HIERARCHY else None
