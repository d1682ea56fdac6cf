"""How often Python searches for garbage that refers to itself."""

from __future__ import annotations

import gc
from typing import Final

__all__ = ["search_rarely"]

AFTER_ALLOCATIONS: Final = 20_000


def search_rarely() -> None:
    """Search after more allocations than Python does by itself.

    Neither imports nor rows leave much that refers to itself: to look for it takes a twentieth of a short command's
    time, and of a row's.
    """
    gc.set_threshold(AFTER_ALLOCATIONS)
