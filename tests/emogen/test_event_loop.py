"""The event loop that requests run in."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
import uvloop

from emogen import event_loop


def test_it_is_uvloop_s_where_there_is_one() -> None:
    """A run has the cheaper loop, and asyncio's own is what others get afterwards."""
    loops: list[asyncio.AbstractEventLoop] = []

    async def note() -> None:
        loops.append(asyncio.get_running_loop())

    event_loop.run(note())
    asyncio.run(note())
    assert event_loop.run(asyncio.sleep(0, "done")) == "done"
    assert [isinstance(loop, uvloop.Loop) for loop in loops] == [True, False]


def test_without_it_asyncio_s_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where uvloop does not exist, everything runs all the same."""
    monkeypatch.setattr(event_loop, "find_spec", lambda name: None)
    ran: list[bool] = []

    async def note() -> None:
        ran.append(isinstance(asyncio.get_running_loop(), uvloop.Loop))

    event_loop.run(note())
    assert ran == [False]


def test_an_interrupt_lets_it_clean_up() -> None:
    """Ctrl-C cancels what runs, which can still wait for something, and is then raised."""
    cleaned: list[bool] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        event_loop.run(work())
    assert cleaned == [True]
