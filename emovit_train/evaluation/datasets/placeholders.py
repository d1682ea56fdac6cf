"""Files that are the same to the byte: pictures that stand for dead links, and doubles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from emovit_train.evaluation.datasets.dataset import Item, OnProblem, Problem
from emovit_train.fingerprint import sha256_file

__all__ = ["PLACEHOLDER_FROM", "without_placeholders"]

# Somebody may upload a photograph twice; what is there three times is a site's "unavailable" picture.
PLACEHOLDER_FROM: Final = 3


def without_placeholders(items: Iterable[Item], root: Path, on_problem: OnProblem) -> Iterator[Item]:
    """Yield the items without placeholders and doubles, in order; report each that is left out.

    Of the same file twice under one label the first is kept; under two labels neither can be right.
    """
    kept = list(items)
    dropped: dict[str, str] = {}
    for same in _alike(kept, root):
        if len(same) >= PLACEHOLDER_FROM:
            why = f"the same file as {len(same) - 1} others: it stands for a dead link"
            dropped |= {item.image: why for item in same}
        elif same[0].label != same[1].label:
            why = f"the same file under two labels, {same[0].label} and {same[1].label}"
            dropped |= {item.image: why for item in same}
        else:
            dropped[same[1].image] = f"the same file as {same[0].image}"
    for item in kept:
        if item.image in dropped:
            on_problem(Problem(str(root / item.image), dropped[item.image]))
        else:
            yield item


def _alike(items: list[Item], root: Path) -> Iterator[list[Item]]:
    """Yield the groups of two or more items whose files are equal; only files of equal size are read."""
    by_size: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        by_size[(root / item.image).stat().st_size].append(item)
    for sized in by_size.values():
        if len(sized) > 1:
            by_hash: dict[str, list[Item]] = defaultdict(list)
            for item in sized:
                by_hash[sha256_file(root / item.image)].append(item)
            yield from (same for same in by_hash.values() if len(same) > 1)
