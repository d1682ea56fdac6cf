"""The one actor between the run folder and its workers: it passes on what these make, and leases them the limits.

The run folder's process cannot be called, it can only call; so it comes for the parcels that wait here, and brings the
replies to those that it had taken before. A worker's call ends when its parcel is dealt with: what it handed in is
durable then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from emogen.admission import Limits
from emogen.on_ray.lease import Lease, Report
from emogen.on_ray.leases import Leases

__all__ = ["Desk", "Parcel", "Standing"]

# Whoever comes for parcels waits for the first so long at most, and for further ones so long after it.
WAIT_S: Final = 0.5
GATHER_S: Final = 0.05
# So many of a worker's answers and rows are worth coming for at once.
ENOUGH: Final = 128


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a worker hands in, or asks for.

    Attributes:
        kind: What it is, see `emogen.on_ray.parcels`.
        content: The rest.
        size: How many answers and rows are in it.
    """

    kind: str
    content: Any
    size: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """What the limits stand at, for the run's process."""

    perhaps_spent: float


class Desk:
    """The desk of one run; an asynchronous actor, and an ordinary object for tests.

    Args:
        limits: What the user allows all workers together.
        spent: Money that the run had cost when it began.
        anew: Whether this takes the place of a desk that died.
    """

    def __init__(self, limits: Limits, spent: float, *, anew: bool = False) -> None:
        self._leases = Leases(limits, spent, time.monotonic, anew=anew)
        self._numbers = 0
        self._waiting: dict[int, Parcel] = {}
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._there = asyncio.Event()
        self._enough = asyncio.Event()

    async def renew(self, report: Report) -> Lease:
        """Return a worker's next lease."""
        return self._leases.renewed(report)

    async def hand_in(self, parcel: Parcel) -> Any:
        """Wait until the run's process has dealt with a parcel, and return its reply."""
        self._numbers += 1
        number = self._numbers
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number], self._replies[number] = parcel, reply
        self._there.set()
        if not parcel.size or sum(waiting.size for waiting in self._waiting.values()) >= ENOUGH:
            self._enough.set()
        return await reply

    async def take(
        self, replies: Mapping[int, Any], spent: float
    ) -> tuple[list[tuple[int, Parcel]], Standing]:
        """Deliver replies, and return the parcels that wait; none, where none comes within a moment.

        Args:
            replies: Number of a parcel that was taken before → the reply to it.
            spent: What the answers in the run's journal cost.
        """
        self._leases.note_committed(spent)
        for number, reply in replies.items():
            # A desk that took another's place does not know the parcels of that one; they are handed in anew.
            waiting = self._replies.pop(number, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(reply)
        if await _within(self._there, WAIT_S):
            await _within(self._enough, GATHER_S)
        parcels = list(self._waiting.items())
        self._waiting.clear()
        self._there.clear()
        self._enough.clear()
        return parcels, Standing(self._leases.perhaps_spent)


async def _within(event: asyncio.Event, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            return await event.wait()
    except TimeoutError:
        return False
