"""Keeps the progress bars of transformers out of our output while it loads weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_loading"]


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Switch the bars off while the block runs, and back to what they were."""
    from transformers.utils import logging as shown

    were_on = shown.is_progress_bar_enabled()
    shown.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    try:
        yield
    finally:
        if were_on:
            shown.enable_progress_bar()  # type: ignore[no-untyped-call]  # the same
