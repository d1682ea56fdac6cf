"""Keeps the progress bars and remarks of transformers out of our output while it loads or saves weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_transformers"]


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Switch bars and warnings off while the block runs, and back to what they were."""
    from transformers.utils import logging as shown

    were_on, level = shown.is_progress_bar_enabled(), shown.get_verbosity()
    shown.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    shown.set_verbosity_error()  # type: ignore[no-untyped-call]  # the same
    try:
        yield
    finally:
        shown.set_verbosity(level)
        if were_on:
            shown.enable_progress_bar()  # type: ignore[no-untyped-call]  # the same
