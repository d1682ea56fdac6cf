"""Draws a fixed number of rows out of any number, in one pass."""

from __future__ import annotations

import heapq
from hashlib import blake2b
from typing import Generic, TypeVar

__all__ = ["Draw", "lot"]

T = TypeVar("T")


def lot(seed: int, name: str) -> int:
    """Return the lot of a row: a number that depends on the seed and the row's name alone."""
    drawn = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, key=seed.to_bytes(8, "big"))
    return int.from_bytes(drawn.digest(), "big")


class Draw(Generic[T]):
    """The rows with the lowest lots: the same ones whatever the order, and for the same records in every run.

    Args:
        size: How many to keep.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        # Lots are negated, so that the highest is at the front; the second number keeps rows from being compared.
        self._kept: list[tuple[int, int, T]] = []
        self._offered = 0

    def offer(self, lot: int, row: T) -> None:
        """Keep a row if its lot is low enough."""
        self._offered += 1
        if len(self._kept) < self._size:
            heapq.heappush(self._kept, (-lot, self._offered, row))
        elif -lot > self._kept[0][0]:
            heapq.heapreplace(self._kept, (-lot, self._offered, row))

    def rows(self) -> list[T]:
        """Return the rows that were drawn, the lowest lot first."""
        return [row for _, _, row in sorted(self._kept, key=lambda kept: -kept[0])]
