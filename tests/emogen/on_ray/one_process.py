"""All of a run on Ray but Ray: the desk and the workers in this process, the lines between them on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from emogen.on_ray.pool import Pool


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    yield SimpleNamespace(util=SimpleNamespace(get_node_ip_address=lambda: "127.0.0.1"))


class Workers:
    """A pool whose workers take the shards in turn; told so, the first dies over its first shard.

    Attributes:
        dies_when: Says when; None lets it live.
    """

    def __init__(self) -> None:
        self.dies_when: Callable[[], bool] | None = None

    def run_pool(
        self, ray: Any, pool: Pool, worker: type, arguments: Sequence[Any], shards: int, *_: Any, **__: Any
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
            await worker.work(number)
