"""Which ids were given before, in as little memory as the hashes of millions of them take."""

from __future__ import annotations

from array import array
from typing import Final

__all__ = ["IdHashes"]

FIRST_SLOTS: Final = 1 << 10
EMPTY: Final = 0


class IdHashes:
    """A set of texts that keeps 64 bits of each: two texts may, very rarely, pass for one.

    A hash table with open addressing in one array, at most half full: 16 to 32 bytes a text, where a set of Python's
    takes 60 to 140 for the hashes alone.
    """

    def __init__(self) -> None:
        self._slots = array("q", bytes(8 * FIRST_SLOTS))
        self._used = 0

    def add(self, text: str) -> bool:
        """Take a text in, and return whether one of its hash was there before."""
        number = hash(text) or 1
        slot = self._slot_of(number)
        if self._slots[slot] == number:
            return True
        self._slots[slot] = number
        self._used += 1
        if 2 * self._used > len(self._slots):
            self._grow()
        return False

    def _slot_of(self, number: int) -> int:
        """Return the slot that holds a hash, or the empty one where it would go."""
        slots, last = self._slots, len(self._slots) - 1
        slot = number & last
        while slots[slot] not in (EMPTY, number):
            slot = (slot + 1) & last
        return slot

    def _grow(self) -> None:
        before, self._slots = self._slots, array("q", bytes(2 * 8 * len(self._slots)))
        for number in before:
            if number != EMPTY:
                self._slots[self._slot_of(number)] = number
