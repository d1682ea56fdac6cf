"""The process that was started, as it deals with what comes to the desk, until the workers are done."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from emogen.admission import CostLimitError, Limits
from emogen.on_ray.desk import Desk, Parcel
from emogen.on_ray.parcels import FAILED, NOTE, Failure
from emogen.on_ray.wire import Address
from emogen.terminal import note

__all__ = ["Serving"]

# What was handed in is kept, even where somebody interrupts; but a disk that hangs is not waited for.
LAST_S: Final = 5.0


class Serving(ABC):
    """Deals with parcels; a subclass says how.

    Attributes:
        error: What ends the run, once a worker has told it.
        perhaps_spent: Money for attempts that may have been charged unheard, by all workers.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.perhaps_spent = 0.0
        self._notes: set[str] = set()
        self._dealt: asyncio.Future[None] | None = None

    @abstractmethod
    async def keep(self, parcels: list[Parcel]) -> None:
        """Make durable what is in parcels that came together."""

    @abstractmethod
    def reply(self, parcel: Parcel) -> Any:
        """Return the reply to a parcel whose content is durable."""

    def spent(self) -> float:
        """Return what the answers so far have cost."""
        return 0.0

    async def serve(self, ray: Any, limits: Limits, work: Callable[[Address, threading.Event], None]) -> None:
        """Deal with what comes to a desk until `work`, which waits for the workers, is done.

        Args:
            ray: The module, connected.
            limits: What the user allows all workers together.
            work: Called with where the desk is, and with what is set where it is to end before that.

        Raises:
            EmovitError: what a worker told; what was handed in before is kept.
        """
        async with Desk(ray.util.get_node_ip_address(), limits, self.spent()) as desk:
            ending = threading.Event()
            working = asyncio.ensure_future(_in_thread(lambda: work(desk.address, ending)))
            dealing = asyncio.ensure_future(self._deal_until_over(desk))
            try:
                await asyncio.wait((working, dealing), return_when=asyncio.FIRST_COMPLETED)
                if dealing.done():
                    dealing.result()
                else:
                    working.result()
            finally:
                dealing.cancel()
                await self._deal_with_rest(desk)
                # Ray must not be left by this process while a thread of it waits within Ray.
                ending.set()
                await asyncio.wait((working,), timeout=LAST_S)
                _ = working.cancel() or working.exception()
        if self.error is not None:
            raise self.error

    async def _deal_until_over(self, desk: Desk) -> None:
        # What is under way is waited for where the money ran out: it is paid for.
        while self.error is None or isinstance(self.error, CostLimitError):
            parcels = await desk.take()
            self._dealt = asyncio.ensure_future(self._deal(desk, parcels))
            # Whoever interrupts lets it come to its end.
            await asyncio.shield(self._dealt)

    async def _deal_with_rest(self, desk: Desk) -> None:
        with suppress(Exception):
            async with asyncio.timeout(LAST_S):
                if self._dealt is not None:
                    await self._dealt
                await self._deal(desk, desk.rest())

    async def _deal(self, desk: Desk, parcels: list[tuple[Parcel, asyncio.Future[Any]]]) -> None:
        self.perhaps_spent = desk.leases.perhaps_spent
        await self.keep([parcel for parcel, _ in parcels])
        desk.leases.note_committed(self.spent())
        for parcel, reply in parcels:
            reply.set_result(self._reply(parcel))

    def _reply(self, parcel: Parcel) -> Any:
        if parcel.kind == NOTE:
            if parcel.content not in self._notes:
                self._notes.add(parcel.content)
                note(parcel.content)
            return None
        if parcel.kind == FAILED:
            failure = parcel.content
            found = failure.error() if isinstance(failure, Failure) else RuntimeError(failure)
            self.error = self.error or found
            return None
        return self.reply(parcel)


async def _in_thread(work: Callable[[], None]) -> None:
    """Run what blocks, in a thread that nobody waits for when the program ends."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def end(error: BaseException | None) -> None:
        if not ended.done():
            if error is None:
                ended.set_result(None)
            else:
                ended.set_exception(error)

    def run() -> None:
        found: BaseException | None = None
        try:
            work()
        except BaseException as error:  # Whatever it is, somebody waits for the end.
            found = error
        # The loop may be closed already.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(end, found)

    threading.Thread(target=run, name="workers", daemon=True).start()
    await ended
