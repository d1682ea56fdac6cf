"""What a data set is to an evaluation: items, the labels that are asked for, and what its authors counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final, Protocol

from emogen.schemas import Split
from emogen.sources import OnProblem, Problem

__all__ = ["POLARITY", "DataSet", "Item", "Known", "OnProblem", "Problem", "each", "full_name", "polar"]

# Mikels's eight by their sign (EmoSet, FI: both report two classes besides the eight).
POLARITY: Final[tuple[str, ...]] = ("positive", "negative")
_POSITIVE: Final = frozenset(("amusement", "awe", "contentment", "excitement", "joy", "love"))


@dataclass(frozen=True)
class Item:
    """One image with what people said of it.

    Attributes:
        id: Unique in the data set, the same in every layout and with whatever images are missing.
        image: Path of the image file, relative to the data set's `image_root`.
        label: One of `labels`; None where no single label is right (a tie of votes) or none is asked for.
        labels: The options, in the order in which they are asked for.
        split: None where the data set has no split at all.
        distribution: Label → share of the votes, 0 to 1, where people's votes are known.
        captions: What people wrote about the image, best first, where the data set is of captions.
    """

    id: str
    image: str
    label: str | None
    labels: tuple[str, ...] = ()
    split: Split | None = None
    distribution: Mapping[str, float] | None = None
    captions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """What the authors of a data set counted, or what its papers agree upon.

    Attributes:
        images: How many images; None where nobody said.
        by_label: Label of the first task → number of images.
        test: Images in the official test split; None where there is none.
        dwindles: Why copies hold fewer; such differences are no fault of the copy.
        remarks: What must be known before its numbers are compared.
    """

    images: int | None = None
    by_label: Mapping[str, int] = field(default_factory=dict)
    test: int | None = None
    dwindles: str = ""
    remarks: tuple[str, ...] = ()


class DataSet(Protocol):
    """A data set in a folder; items can be read more than once, and no image is opened.

    Attributes:
        name: Its name in the table.
        tasks: Task → labels in option order; the first task is the usual one.
        any_labels: Whether `task` may also be a label set of the user's.
        known: What its authors counted.
        task: The task that it was opened for.
        image_root: The folder that the `image` of each item is relative to.
        official: Whether the split is the authors' own; otherwise it is ours, see test_lists.py.
    """

    name: ClassVar[str]
    tasks: ClassVar[Mapping[str, tuple[str, ...]]]
    any_labels: ClassVar[bool]
    known: ClassVar[Known]
    task: str
    image_root: Path
    official: bool

    def __init__(self, root: Path, task: str) -> None: ...

    @classmethod
    def recognises(cls, root: Path) -> str | None:
        """Return the sign by which `root` is seen to be this data set; None where it is not."""

    def items(self, on_problem: OnProblem) -> Iterator[Item]:
        """Yield the items in an order that does not change.

        Args:
            on_problem: Called with what is wrong with a single row or image; an item is made of it only where the
                problem says so.

        Raises:
            InputError: the files of the data set are missing or damaged as a whole; names the file and the line.
        """


def each(rows: Sequence[Item], on_problem: OnProblem, root: Path) -> Iterator[Item]:
    """Yield the items whose image is there; report the other ones, and ids that come twice."""
    seen: set[str] = set()
    for item in rows:
        if item.id in seen:
            on_problem(Problem(str(root / item.image), f"a second image with the id {item.id!r}"))
        elif not (root / item.image).is_file():
            on_problem(Problem(str(root / item.image), "the image is missing"))
        else:
            seen.add(item.id)
            yield item


def polar(label: str | None) -> str | None:
    """Return the sign of an emotion, of the labels POLARITY."""
    return None if label is None else POLARITY[label not in _POSITIVE]


def full_name(dataset: DataSet) -> str:
    """Return what the data set is called where its predictions are compared: its name and its task."""
    return f"{dataset.name}-{dataset.task}"
