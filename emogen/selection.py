"""Which records of a data set are taken: seeded, balanced, and the smaller sample always inside of the larger.

The order of the steps: split, rows of each class, so many of each class, a share of each class, the first so many.
Which records of a class are taken is decided by a seeded hash of their ids, so neither the order of the records nor
what else is in the data set plays a part, but for how many there are.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from itertools import islice
from typing import Any, Final, get_args

from emogen.comma_list import comma_list
from emogen.errors import InputError, UnknownNameError, shorten
from emogen.schemas import ImageRecord, Split

__all__ = [
    "PRESETS",
    "Selected",
    "Selection",
    "merged",
    "preset_of",
    "read_rows",
    "read_share",
    "read_splits",
]


@dataclass(frozen=True)
class Selection:
    """What is taken; the default is everything.

    Attributes:
        splits: The splits; a record without one counts as `train`. None takes all.
        rows: Of each class the rows from the first number up to, and without, the second, counted from 0 in the order
            of the data set after the choice of splits.
        per_class: So many records of each class.
        share: This share of each class, rounded to the nearest number: 0 < share ≤ 1.
        limit: The first so many of what the rest selects.
        seed: Varies which records of a class are taken.
    """

    splits: frozenset[Split] | None = None
    rows: tuple[int, int] | None = None
    per_class: int | None = None
    share: Fraction | None = None
    limit: int | None = None
    seed: int = 0

    @property
    def needs_ranks(self) -> bool:
        """Whether all records must be looked at before the first is taken."""
        return self.per_class is not None or self.share is not None


# The paper trains on 51,200 images and does not say which: here as many of each of EmoSet's eight classes, seeded.
# The script that its authors released (github.com/aimmemotion/EmoVIT, emo/all.py) takes rows of each class in the order
# of train.json, up to the 5,600th; below which row conversations are made, and above which the categorical question
# is asked, is edited in the script (700 in the version of commit 3ea9a06).
PRESETS: Final = {
    "paper-51200": Selection(splits=frozenset({"train"}), per_class=6400),
    "emovit-release": Selection(splits=frozenset({"train"}), rows=(0, 5600)),
}


class Selected:
    """A selection applied to one data set.

    Args:
        selection: What is taken.
        read: Reads the records from the beginning; called once more where ranks are needed.

    Raises:
        InputError: a class has fewer records than are wanted of it, or nothing is selected.
    """

    def __init__(self, selection: Selection, read: Callable[[], Iterable[ImageRecord]]) -> None:
        self.selection = selection
        self._cutoffs: dict[str | None, bytes] | None = None
        self.count: int | None = None
        if selection.needs_ranks:
            self._rank(read())

    def wanted(self) -> Callable[[ImageRecord], bool]:
        """Return what tells, of one record after the other in the order of the data set, whether it is taken."""
        passes = self._passes()
        if self._cutoffs is None:
            return passes
        cutoffs, seed = self._cutoffs, self.selection.seed

        def take(record: ImageRecord) -> bool:
            if not passes(record):
                return False
            cutoff = cutoffs.get(record.emotion)
            return cutoff is not None and _rank(seed, record.id) <= cutoff

        return take

    def take(self, records: Iterable[ImageRecord]) -> Iterator[ImageRecord]:
        """Yield the selected ones of the records."""
        return islice(filter(self.wanted(), records), self.selection.limit)

    def _passes(self) -> Callable[[ImageRecord], bool]:
        """Return what tells whether a record is in the splits and rows; it counts the rows that it is shown."""
        splits, rows = self.selection.splits, self.selection.rows
        seen: defaultdict[str | None, int] = defaultdict(int)

        def passes(record: ImageRecord) -> bool:
            if splits is not None and (record.split or "train") not in splits:
                return False
            if rows is None:
                return True
            number = seen[record.emotion]
            seen[record.emotion] += 1
            return rows[0] <= number < rows[1]

        return passes

    def _rank(self, records: Iterable[ImageRecord]) -> None:
        passes, seed = self._passes(), self.selection.seed
        ranks: dict[str | None, list[bytes]] = {}
        for record in records:
            if record.emotion is not None and record.emotion not in ranks:
                # A class of which there is nothing counts as one of which there is too little.
                ranks |= {label: [] for label in record.labels if label not in ranks}
            if passes(record):
                ranks.setdefault(record.emotion, []).append(_rank(seed, record.id))
        if self.selection.per_class is not None:
            ranks.pop(None, None)
            self._refuse_too_few(ranks)
        taken = {label: self._quota(len(found)) for label, found in ranks.items()}
        self._cutoffs = {label: sorted(ranks[label])[count - 1] for label, count in taken.items() if count}
        self.count = sum(taken.values())
        if not self.count:
            raise InputError("nothing is selected", remedy="Take a larger share, or other splits.")

    def _quota(self, available: int) -> int:
        count = available if self.selection.per_class is None else self.selection.per_class
        return (
            count
            if self.selection.share is None
            else math.floor(self.selection.share * count + Fraction(1, 2))
        )

    def _refuse_too_few(self, ranks: dict[str | None, list[bytes]]) -> None:
        wanted = self.selection.per_class or 0
        counts = {label: len(found) for label, found in ranks.items()}
        if counts and min(counts.values()) >= wanted:
            return
        there = ", ".join(f"{label} {count:,}" for label, count in counts.items()) or "no labelled record"
        least = min(counts.values(), default=0)
        ways = [f"take at most {least:,} of each (--per-class)"] if least else []
        ways += ["take more splits (--split)"] if self.selection.splits else []
        ways += ["leave out the labels that nothing has (--labels)"] if not least and counts else []
        raise InputError(
            f"{wanted:,} of each class are wanted, and there are {there}",
            remedy=f"Either {', or '.join(ways)}." if ways else "Label the records.",
        )


def _rank(seed: int, name: str) -> bytes:
    """Return the place of a record in the order of its class: as good as random, and the same everywhere."""
    text = f"{seed}\0{name}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()


def preset_of(name: str) -> Selection:
    """Return the selection of a name.

    Raises:
        UnknownNameError: there is no such preset.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    return PRESETS[name]


def merged(default: Selection, given: Selection) -> Selection:
    """Return `default` with all that `given` says in its place."""
    nothing = Selection()
    said = [
        field.name
        for field in fields(Selection)
        if getattr(given, field.name) != getattr(nothing, field.name)
    ]
    changes: dict[str, Any] = {name: getattr(given, name) for name in said}
    return replace(default, **changes)


def read_splits(text: str) -> frozenset[Split]:
    """Read `train`, `train,val` or `all`.

    Raises:
        UnknownNameError: a name is no split.
    """
    known = get_args(Split)
    names = comma_list(text)
    if names == ["all"]:
        names = list(known)
    for name in names:
        if name not in known:
            raise UnknownNameError("split", name, [*known, "all"])
    if not names:
        raise InputError("no split is named", remedy=f"Name some of {', '.join(known)}, or all.")
    return frozenset(name for name in known if name in names)


def read_share(text: str) -> Fraction:
    """Read a share, as `5%` or `0.05`, exactly.

    Raises:
        InputError: it is none, or not above 0 and at most 1.
    """
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        share = Fraction(number.strip()) / (100 if percent else 1)
    except (ValueError, ZeroDivisionError):
        share = Fraction(0)
    if not 0 < share <= 1:
        raise InputError(
            f"not a share: {shorten(text)!r}", remedy="Write it as 5% or 0.05, above 0 and at most 100%."
        )
    return share


def read_rows(text: str) -> tuple[int, int]:
    """Read a range of rows, as `1000:5600`.

    Raises:
        InputError: it is none, or holds no row.
    """
    first, colon, last = text.strip().partition(":")
    if not colon or not first.isdecimal() or not last.isdecimal() or int(first) >= int(last):
        raise InputError(
            f"not a range of rows: {shorten(text)!r}",
            remedy="Write it as 1000:5600; the last row is not in it.",
        )
    return int(first), int(last)
