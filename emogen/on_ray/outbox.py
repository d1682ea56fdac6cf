"""What a worker has made, on its way to the run folder: in parcels, for each costs more than what is in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from emogen.journal_entry import Entry, PackedEntry, packed, unpacked
from emogen.on_ray.desk import Parcel
from emogen.on_ray.parcels import MADE, Made
from emogen.store import MadeRow

__all__ = ["Outbox", "ShardAnswers"]

# A parcel goes when it holds so much, or so long after its first: a request to a model takes seconds, and a parcel
# takes as much CPU as a third of a row, whatever is in it.
ENOUGH: Final = 32
GATHER_S: Final = 0.1
# So many parcels of one worker may be under way.
UNDER_WAY: Final = 3
# Rows that need no model are made faster than they are taken.
ROOM: Final = 1024


class Outbox:
    """The outbox of one worker.

    Args:
        hand_in: Brings a parcel to the desk; what is in it is durable when that returns.
    """

    def __init__(self, hand_in: Callable[[Parcel], Awaitable[Any]]) -> None:
        self._hand_in = hand_in
        self._answers: list[PackedEntry] = []
        self._rows: list[MadeRow] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._emptied = asyncio.Event()

    async def put(self, entry: Entry) -> None:
        """Hand in an answer, and wait until it is durable."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers.append(packed(entry))
        self._waiting.append(durable)
        self._send_soon()
        await durable

    def add(self, row: MadeRow) -> None:
        """Hand in a row whose answers are durable, soon."""
        self._rows.append(row)
        self._send_soon()

    async def room(self) -> None:
        """Wait until what was made is handed in, where it is much."""
        while len(self._rows) >= ROOM:
            self._emptied.clear()
            await self._emptied.wait()

    async def flush(self) -> None:
        """Wait until all that was put in is durable."""
        while self._answers or self._rows or self._under_way:
            self._send()
            await asyncio.wait(set(self._under_way))

    def _send_soon(self) -> None:
        if len(self._answers) + len(self._rows) >= ENOUGH:
            self._send()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._send)

    def _send(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (self._answers or self._rows) and len(self._under_way) < UNDER_WAY:
            made, waiting = Made(self._answers, self._rows), self._waiting
            self._answers, self._rows, self._waiting = [], [], []
            self._emptied.set()
            task = asyncio.get_running_loop().create_task(self._bring(made, waiting))
            self._under_way.add(task)
            task.add_done_callback(self._brought)

    async def _bring(self, made: Made, waiting: list[asyncio.Future[None]]) -> None:
        try:
            await self._hand_in(Parcel(MADE, made))
        except Exception as error:
            for durable in waiting:
                if not durable.done():
                    durable.set_exception(error)
            raise
        for durable in waiting:
            if not durable.done():
                durable.set_result(None)

    def _brought(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._send()


class ShardAnswers:
    """The answers of one shard: those that the run's journal knew, and new ones through the outbox.

    Args:
        known: What the journal knew.
        outbox: Of the worker.
    """

    def __init__(self, known: Iterable[PackedEntry], outbox: Outbox) -> None:
        self._known = {row[0]: row for row in known}
        self._outbox = outbox

    def get(self, key: bytes) -> Entry | None:
        """Return the answer to a request, or None where there is none yet."""
        row = self._known.get(key)
        return unpacked(row) if row else None

    async def put(self, entry: Entry) -> None:
        """Keep an answer; it is durable when this returns."""
        await self._outbox.put(entry)
