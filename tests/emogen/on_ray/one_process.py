"""All of a run on Ray but Ray: the desk and the workers in this process, calls between them as Ray makes them."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from emogen.admission import Limits
from emogen.on_ray.desk import Desk
from emogen.on_ray.pool import Pool


class _Method:
    """A method of an actor; what goes there and back is pickled."""

    def __init__(self, method: Callable[..., Awaitable[Any]], loop: asyncio.AbstractEventLoop) -> None:
        self._method = method
        self._loop = loop

    async def remote(self, *arguments: Any) -> Any:
        async def call() -> Any:
            return await self._method(*pickle.loads(pickle.dumps(arguments)))

        reply = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call(), self._loop))
        return pickle.loads(pickle.dumps(reply))


class Handle:
    """What stands for the desk."""

    def __init__(self, desk: Desk, loop: asyncio.AbstractEventLoop) -> None:
        self.hand_in = _Method(desk.hand_in, loop)
        self.renew = _Method(desk.renew, loop)
        self.take = _Method(desk.take, loop)


def start_desk(ray: Any, limits: Limits, spent: float = 0.0) -> Handle:
    return Handle(Desk(limits, spent), asyncio.get_running_loop())


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    yield None


class Workers:
    """A pool whose workers take the shards in turn; told so, the first dies over its first shard.

    Attributes:
        dies_when: Says when; None lets it live.
    """

    def __init__(self) -> None:
        self.dies_when: Callable[[], bool] | None = None

    def run_pool(
        self, ray: Any, pool: Pool, worker: type, arguments: Sequence[Any], shards: int, **_: Any
    ) -> None:
        async def work() -> None:
            numbers = list(range(shards))
            if self.dies_when is not None:
                dying = worker(*arguments)
                asyncio.run_coroutine_threadsafe(dying._work(0), dying._loop)
                while not self.dies_when():
                    await asyncio.sleep(0.01)
                # Nothing that it began goes on.
                for task in asyncio.all_tasks(dying._loop):
                    dying._loop.call_soon_threadsafe(task.cancel)
                await asyncio.to_thread(dying.close)
            living = [worker(*arguments) for _ in range(2)]
            queues = [numbers[0::2], numbers[1::2]]
            try:
                await asyncio.gather(*map(self._take, living, queues))
            finally:
                for one in living:
                    await asyncio.to_thread(one.close)

        asyncio.run(work())

    async def _take(self, worker: Any, numbers: list[int]) -> None:
        for number in numbers:
            async for batch in worker({"shard": [number]}):
                assert batch["shard"] == [number]
