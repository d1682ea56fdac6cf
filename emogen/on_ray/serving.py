"""The process that was started, as it deals with what comes to the desk, until the workers are done."""

from __future__ import annotations

import asyncio
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from emogen.admission import CostLimitError, Limits
from emogen.on_ray.desk import Desk, Parcel, Standing
from emogen.on_ray.parcels import FAILED, NOTE, Failure
from emogen.terminal import note

__all__ = ["Serving", "start_desk"]

# What was handed in is kept, even where somebody interrupts; but a cluster that is gone is not waited for.
LAST_S: Final = 5.0


class Serving(ABC):
    """Deals with parcels; a subclass says how.

    Attributes:
        error: What ends the run, once a worker has told it.
        standing: What the limits stand at.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.standing = Standing(0.0)
        self._notes: set[str] = set()

    @abstractmethod
    async def keep(self, parcels: list[Parcel]) -> None:
        """Make durable what is in parcels that came together."""

    @abstractmethod
    def reply(self, parcel: Parcel) -> Any:
        """Return the reply to a parcel whose content is durable."""

    def spent(self) -> float:
        """Return what the answers so far have cost."""
        return 0.0

    async def serve(self, desk: Any, work: Callable[[], None]) -> None:
        """Deal with what comes to the desk until `work`, which waits for the workers, is done.

        Raises:
            EmovitError: what a worker told; what was handed in before is kept.
        """
        working = asyncio.ensure_future(_in_thread(work))
        replies: dict[int, Any] = {}
        try:
            while not working.done() and not self._is_over():
                replies = await self._deal(desk, replies)
            if not self._is_over():
                await working
        finally:
            with suppress(Exception):
                async with asyncio.timeout(LAST_S):
                    await self._deal(desk, replies)
            working.cancel()
        if self.error is not None:
            raise self.error

    def _is_over(self) -> bool:
        # What is under way is waited for where the money ran out: it is paid for.
        return self.error is not None and not isinstance(self.error, CostLimitError)

    async def _deal(self, desk: Any, replies: Mapping[int, Any]) -> dict[int, Any]:
        """Deliver replies, and deal with what has come meanwhile; return the replies to that."""
        parcels: list[tuple[int, Parcel]]
        parcels, self.standing = await desk.take.remote(replies, self.spent())
        await self.keep([parcel for _, parcel in parcels])
        return {number: self._reply(parcel) for number, parcel in parcels}

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


def start_desk(ray: Any, limits: Limits, spent: float = 0.0) -> Any:
    """Start the desk on this machine: where that is lost, the run has ended anyway. Keep its handle."""
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=False
    )
    actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, max_concurrency=10_000)(_RayDesk)
    name = f"desk-{uuid.uuid4().hex[:8]}"
    return actor.options(name=name, scheduling_strategy=here).remote(limits, spent)


class _RayDesk(Desk):
    """The desk as an actor."""

    def __init__(self, limits: Limits, spent: float) -> None:
        import ray

        anew = ray.get_runtime_context().was_current_actor_reconstructed
        super().__init__(limits, spent, anew=anew)


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

    threading.Thread(target=run, name="ray-data", daemon=True).start()
    await ended
