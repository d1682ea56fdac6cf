"""Ctrl-C and SIGTERM between two steps instead of within one, so that what is saved is whole."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

__all__ = ["interrupt_requested"]

# A terminal sends Ctrl-C to torchrun and to its processes, and torchrun hands it on: that is one request, not two.
ONE_REQUEST_S: Final = 1.0


@contextmanager
def interrupt_requested() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether the run was asked to end, by Ctrl-C or SIGTERM.

    Ctrl-C a second time interrupts at once; under torchrun it does not, which would leave the other processes waiting.
    """
    asked_s: float | None = None

    def note(number: int, _frame: FrameType | None) -> None:
        nonlocal asked_s
        again = asked_s is not None and time.monotonic() - asked_s > ONE_REQUEST_S
        if again and number == signal.SIGINT and "TORCHELASTIC_RUN_ID" not in os.environ:
            raise KeyboardInterrupt
        asked_s = asked_s or time.monotonic()

    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, note)
    except ValueError:  # Only the main thread may handle signals.
        yield lambda: False
        return
    try:
        yield lambda: asked_s is not None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
