"""The event loop that requests run in: uvloop, which takes a sixth less CPU for a row than asyncio's own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from importlib.util import find_spec
from typing import Any

__all__ = ["run"]


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end, as `asyncio.run`; an interrupt cancels it and is raised once it has cleaned up.

    uvloop is a dependency of this program wherever it exists: not for Windows.
    """
    if find_spec("uvloop") is None:
        asyncio.run(main)
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
