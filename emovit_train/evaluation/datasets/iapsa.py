"""IAPSa: pictures of the International Affective Picture System with Mikels et al.'s eight emotions (2005)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from emogen.errors import InputError, shorten
from emogen.labels import LABEL_SETS
from emovit_train.evaluation.datasets.class_folders import class_folders, has_class_folders
from emovit_train.evaluation.datasets.dataset import Item, Known, OnProblem, Problem, each
from emovit_train.evaluation.datasets.files import images_in, stem, table_rows
from emovit_train.evaluation.datasets.test_lists import our_split

__all__ = ["IAPSa"]

_NORMS: Final[Mapping[str, Mapping[str, str]]] = {
    "Mikels2005positivenorms.csv": {
        "AmusMean": "amusement",
        "AweMean": "awe",
        "ContMean": "contentment",
        "ExciMean": "excitement",
    },
    "Mikels2005negativenorms.csv": {
        "AngrMean": "anger",
        "DisgMean": "disgust",
        "FearMean": "fear",
        "SadnMean": "sadness",
    },
}


class IAPSa:
    """IAPSa: 395 pictures of the IAPS, eight emotions; the images are given out on request only.

    Where: images from the Center for the Study of Emotion and Attention, University of Florida, by its form; means of
    the ratings from Mikels et al., Behavior Research Methods 37 (2005). Licence: the pictures must not be published.
    The label is the emotion with the highest mean. There is no official split: see test_lists.py.

        Mikels2005positivenorms.csv  Mikels2005negativenorms.csv  <any folder>/2345.1.jpg
        or <emotion>/2345.1.jpg
    """

    name: ClassVar[str] = "iapsa"
    tasks: ClassVar[Mapping[str, tuple[str, ...]]] = {"8": LABEL_SETS["mikels-8"]}
    any_labels: ClassVar[bool] = False
    known: ClassVar[Known] = Known(
        images=395,
        by_label={
            "amusement": 37,
            "anger": 8,
            "awe": 54,
            "contentment": 63,
            "disgust": 74,
            "excitement": 55,
            "fear": 42,
            "sadness": 62,
        },
        dwindles="Mikels's two tables hold 203 + 187 = 390 pictures, and picture 2819 is in no copy",
    )
    official = False

    def __init__(self, root: Path, task: str) -> None:
        self.task = task
        self.image_root = root

    @classmethod
    def recognises(cls, root: Path) -> str | None:
        """It is told by Mikels's tables; folders by emotion alone are not."""
        found = [name for name in _NORMS if (root / name).is_file()]
        return f"{found[0]} is in it" if found else None

    def items(self, on_problem: OnProblem) -> Iterator[Item]:
        """Yield a picture for each row of the two tables, or for each file in folders by emotion."""
        if self.recognises(self.image_root):
            found = self._by_norms(on_problem)
        elif has_class_folders(self.image_root, self.tasks["8"]):
            found = [
                Item(stem(image), image, emotion, self.tasks["8"], our_split(self.name, stem(image)))
                for image, emotion in class_folders(self.image_root, self.tasks["8"], on_problem)
            ]
        else:
            raise InputError(
                f"neither {' and '.join(_NORMS)} nor folders by emotion",
                where=self.image_root,
                remedy="Put both tables beside the pictures.",
            )
        yield from each(found, on_problem, self.image_root)

    def _by_norms(self, on_problem: OnProblem) -> list[Item]:
        pictures = {stem(image): image for image in images_in(self.image_root)}
        found: dict[str, Item] = {}
        for file, columns in _NORMS.items():
            for where, row in table_rows(self.image_root / file, ("Picture", *columns)):
                picture = _picture(row["Picture"])
                if picture in found:
                    raise InputError(
                        f"picture {picture} has a row already",
                        where=where,
                        remedy="Take the tables as published.",
                    )
                label = _highest(row, columns, where, on_problem)
                image = pictures.get(picture)
                if image is None:
                    on_problem(Problem(where, f"there is no image of picture {picture}"))
                    continue
                split = our_split(self.name, picture)
                found[picture] = Item(picture, image, label, self.tasks["8"], split)
        for picture, image in pictures.items():
            if picture not in found:
                on_problem(Problem(str(self.image_root / image), "in neither of Mikels's tables"))
        return list(found.values())


def _picture(text: str) -> str:
    """Return a picture's number as its file says it: spreadsheets make `1050.0` of 1050, and 2345.1 is another."""
    return text.removesuffix(".0")


def _highest(
    row: Mapping[str, str], columns: Mapping[str, str], where: str, on_problem: OnProblem
) -> str | None:
    try:
        means = {label: float(row[column]) for column, label in columns.items()}
    except ValueError as error:
        raise InputError(
            f"not a mean: {shorten(error)}", where=where, remedy="Take the tables as published."
        ) from error
    first = [label for label, mean in means.items() if mean == max(means.values())]
    if len(first) > 1:
        on_problem(
            Problem(where, f"a tie of {' and '.join(first)}: no single label is right", left_out=False)
        )
    return first[0] if len(first) == 1 else None
