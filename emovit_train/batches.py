"""Puts rows of similar length together: padding to the longest of a random batch wastes half of the work."""

from __future__ import annotations

import random
from collections.abc import Sequence

__all__ = ["length_sorted_batches"]

POOL_BATCHES = 16


def length_sorted_batches(lengths: Sequence[int], batch_size: int, rng: random.Random) -> list[list[int]]:
    """Return the row numbers of one epoch in batches, each row once.

    The rows are shuffled, sorted by length within pools of 16 batches, cut, and the batches shuffled.

    Args:
        lengths: Tokens of each row.
        batch_size: Rows per batch; the last of a pool may be smaller.
        rng: Source of the order.
    """
    order = list(range(len(lengths)))
    rng.shuffle(order)
    pool = POOL_BATCHES * batch_size
    batches = []
    for start in range(0, len(order), pool):
        alike = sorted(order[start : start + pool], key=lambda row: lengths[row])
        batches += [alike[first : first + batch_size] for first in range(0, len(alike), batch_size)]
    rng.shuffle(batches)
    return batches
