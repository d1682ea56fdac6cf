"""How many of something there are, in words."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `1 record`, `0 records`, `51,200 records`; the plural is the noun with an s where none is given."""
    return f"1 {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"
