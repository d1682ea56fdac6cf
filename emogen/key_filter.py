"""Which keys a journal may hold."""

from __future__ import annotations

from typing import Final

__all__ = ["KeyFilter"]

# 2 MB: of a million known keys, one new one in seventeen is looked up in vain.
FILTER_BITS: Final = 24


class KeyFilter:
    """Says which keys may have been added: most requests are new, and to know that costs no look into the file.

    One bit for each of `1 << FILTER_BITS` hashes: it may take a new key for a known one, never the other way round.
    """

    def __init__(self) -> None:
        self._bits = bytearray(1 << (FILTER_BITS - 3))

    def add(self, key: bytes) -> None:
        """Take in a key."""
        place, bit = self._place(key)
        self._bits[place] |= bit

    def __contains__(self, key: bytes) -> bool:
        place, bit = self._place(key)
        return bool(self._bits[place] & bit)

    @staticmethod
    def _place(key: bytes) -> tuple[int, int]:
        number = int.from_bytes(key[:4], "big") >> (32 - FILTER_BITS)
        return number >> 3, 1 << (number & 7)
