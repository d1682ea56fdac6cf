"""OxfordTVG-HIC (Li et al., 2023): humorous captions of images, with scores of how funny people found them."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from emogen.errors import InputError
from emovit_train.evaluation.datasets.dataset import Item, Known, OnProblem, Problem, each
from emovit_train.evaluation.datasets.files import table_rows
from emovit_train.evaluation.datasets.test_lists import our_split

__all__ = ["OxfordHIC"]

_CAPTIONS: Final = "hic_data/oxford_hic_data.csv"
_IMAGES: Final = "hic_data/oxford_hic_image_info.csv"
_NULL: Final = frozenset(("", "nan", "null", "none"))
# Of hundreds of captions of an image these are compared with a model's.
KEPT: Final = 5


class OxfordHIC:
    """OxfordTVG-HIC: 2.9 million humorous captions with scores; nothing is to be classified.

    Where: https://github.com/runjiali-rl/Oxford_HIC. Licence: for research, as said there. The split is ours, by image
    and never by row: see test_lists.py. An item holds the funniest captions of its image.

        hic_data/oxford_hic_data.csv          image_id, caption, funny_score ("1,204" is 1204)
        hic_data/oxford_hic_image_info.csv    image_id, image_url
        images/<image_id>.jpg
    """

    name: ClassVar[str] = "oxford-hic"
    tasks: ClassVar[Mapping[str, tuple[str, ...]]] = {"captions": ()}
    any_labels: ClassVar[bool] = False
    known: ClassVar[Known] = Known(dwindles="images are downloaded by their links, which die")
    official = False

    def __init__(self, root: Path, task: str) -> None:
        self.task = task
        self.image_root = root

    @classmethod
    def recognises(cls, root: Path) -> str | None:
        """It is told by its table of captions."""
        return f"{_CAPTIONS} is in it" if (root / _CAPTIONS).is_file() else None

    def items(self, on_problem: OnProblem) -> Iterator[Item]:
        """Yield the images with captions, in the order of the table of images."""
        captions = self._captions(on_problem)
        found = []
        for where, row in table_rows(self.image_root / _IMAGES, ("image_id",)):
            name = row["image_id"]
            if name.casefold() in _NULL:
                on_problem(Problem(where, "no image id"))
                continue
            best = captions.get(name)
            if not best:
                on_problem(Problem(where, f"no caption of image {name}"))
                continue
            texts = tuple(text for _, text in sorted(best, reverse=True))
            split = our_split(self.name, name)
            found.append(Item(name, f"images/{name}.jpg", None, (), split, captions=texts))
        yield from each(found, on_problem, self.image_root)

    def _captions(self, on_problem: OnProblem) -> dict[str, list[tuple[float, str]]]:
        best: dict[str, list[tuple[float, str]]] = defaultdict(list)
        for where, row in table_rows(self.image_root / _CAPTIONS, ("image_id", "caption", "funny_score")):
            empty = [name for name in ("image_id", "caption") if row[name].casefold() in _NULL]
            if empty:
                on_problem(Problem(where, f"no {empty[0]}"))
                continue
            entry = (_score(row["funny_score"], where), row["caption"])
            kept = best[row["image_id"]]
            (heapq.heappushpop if len(kept) == KEPT else heapq.heappush)(kept, entry)
        return best


def _score(text: str, where: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError as error:
        raise InputError(
            f"not a score: {text!r}", where=where, remedy="Take the table as its authors give it."
        ) from error
