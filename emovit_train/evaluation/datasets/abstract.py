"""Abstract paintings (Machajdik and Hanbury, ACM Multimedia 2010): about fourteen votes for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from emogen.errors import InputError, shorten
from emogen.labels import LABEL_SETS
from emovit_train.evaluation.datasets.dataset import Item, Known, OnProblem, Problem, each
from emovit_train.evaluation.datasets.files import images_in, stem, table_rows
from emovit_train.evaluation.datasets.test_lists import our_split

__all__ = ["Abstract"]

_FOLDER: Final = "testImages_abstract"
_TRUTH: Final = "ABSTRACT_groundTruth.csv"
_COLUMNS: Final = {
    "Amusement": "amusement",
    "Anger": "anger",
    "Awe": "awe",
    "Content": "contentment",
    "Disgust": "disgust",
    "Excitement": "excitement",
    "Fear": "fear",
    "Sad": "sadness",
}


class Abstract:
    """Abstract: 280 abstract paintings with votes for eight emotions, 228 or 229 of them without a tie.

    Where: https://www.imageemotion.org. Licence: for research; the paintings are their artists'. A painting whose votes
    tie has a distribution and no label. There is no official split: see test_lists.py.

        testImages_abstract/abstract_0001.jpg
        ABSTRACT_groundTruth.csv    votes; names and files stand in single quotes
    """

    name: ClassVar[str] = "abstract"
    tasks: ClassVar[Mapping[str, tuple[str, ...]]] = {"8": LABEL_SETS["mikels-8"]}
    any_labels: ClassVar[bool] = False
    known: ClassVar[Known] = Known(
        images=280,
        remarks=(
            "Papers count 228 paintings without a tie; the votes give 229 (contentment 64 instead of 63).",
        ),
    )
    official = False

    def __init__(self, root: Path, task: str) -> None:
        self.task = task
        self.image_root = root

    @classmethod
    def recognises(cls, root: Path) -> str | None:
        """It is told by the table of votes."""
        return f"{_TRUTH} is in it" if (root / _TRUTH).is_file() else None

    def items(self, on_problem: OnProblem) -> Iterator[Item]:
        """Yield a painting for each row of votes, and report ties and paintings without votes."""
        # The name of the first column is empty between its quotes.
        rows = table_rows(self.image_root / _TRUTH, ("", *_COLUMNS), quote="'")
        found = [self._item(where, row, on_problem) for where, row in rows]
        named = {item.id for item in found}
        for image in images_in(self.image_root, _FOLDER):
            if stem(image) not in named:
                on_problem(Problem(str(self.image_root / image), f"not in {_TRUTH}"))
        yield from each(found, on_problem, self.image_root)

    def _item(self, where: str, row: dict[str, str], on_problem: OnProblem) -> Item:
        votes = {label: _votes(row[column], where) for column, label in _COLUMNS.items()}
        total, most = sum(votes.values()), max(votes.values())
        if not total or not row[""]:
            raise InputError("no votes", where=where, remedy="Unpack the archive again.")
        first = [label for label, number in votes.items() if number == most]
        if len(first) > 1:
            on_problem(
                Problem(where, f"a tie of {' and '.join(first)}: no single label is right", left_out=False)
            )
        name = stem(row[""])
        return Item(
            name,
            f"{_FOLDER}/{row['']}",
            first[0] if len(first) == 1 else None,
            self.tasks["8"],
            our_split(self.name, name),
            distribution={label: number / total for label, number in votes.items()},
        )


def _votes(text: str, where: str) -> int:
    if not text.isdecimal():
        raise InputError(
            f"not a number of votes: {shorten(text)!r}", where=where, remedy="Unpack the archive again."
        )
    return int(text)
