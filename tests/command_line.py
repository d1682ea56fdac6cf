"""What a command line did, as tests see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Ran(NamedTuple):
    """Exit code and what was printed."""

    code: int
    out: str
    err: str


# Runs `emogen` with the given words in this process.
Emogen = Callable[..., Ran]
