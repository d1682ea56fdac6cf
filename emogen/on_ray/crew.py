"""Workers that take shards from one heap."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

__all__ = ["Crew"]

# So often it is looked whether the work is to end.
LOOK_UP_S: Final = 0.5


class Crew:
    """Actors with a method `work`, which takes the number of a shard; none is left after the block.

    Args:
        ray: The module, connected.
        start: Starts a worker; Ray finds it a place once there is room.
        least: Workers from the beginning.
        most: Workers at most, while shards wait.
        at_once: How many shards a worker has at a time.
    """

    def __init__(self, ray: Any, start: Callable[[], Any], least: int, most: int, at_once: int) -> None:
        self._ray = ray
        self._start = start
        self._least = least
        self._most = most
        self._at_once = at_once
        self._waiting: deque[int] = deque()
        # What is waited for → the worker that is coming, or that has a shard.
        self._coming: dict[Any, Any] = {}
        self._under_way: dict[Any, Any] = {}
        # Those that are there → how many shards each has.
        self._there: dict[Any, int] = {}

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Where the cluster is gone, they are.
        with suppress(Exception):
            for worker in (*self._coming.values(), *self._there):
                self._ray.kill(worker)

    def work(self, shards: Iterable[int], ending: threading.Event) -> None:
        """Let all shards be taken, and wait until they are done.

        Args:
            shards: Their numbers.
            ending: Set, it ends the work before.

        Raises:
            Exception: what a worker raised, or why Ray starts none.
        """
        self._waiting.extend(shards)
        while (self._waiting or self._under_way) and not ending.is_set():
            self._hire()
            self._hand_out()
            self._dismiss()
            self._wait()

    def _hire(self) -> None:
        """Look for as many workers as the waiting shards are for, besides those that are there."""
        free = sum(self._at_once - has for has in self._there.values())
        needed = len(self._there) + -(-max(0, len(self._waiting) - free) // self._at_once)
        wanted = max(min(needed, self._most), self._least if self._waiting else 0)
        for _ in range(wanted - len(self._there) - len(self._coming)):
            worker = self._start()
            self._coming[worker.__ray_ready__.remote()] = worker

    def _hand_out(self) -> None:
        """Give each that is there as many shards as it may have, but not the others' share."""
        share = -(-(len(self._waiting) + len(self._under_way)) // (len(self._there) + len(self._coming)))
        for worker in self._there:
            while self._waiting and self._there[worker] < min(self._at_once, share):
                self._under_way[worker.work.remote(self._waiting.popleft())] = worker
                self._there[worker] += 1

    def _dismiss(self) -> None:
        """Let those go that nothing is left for: one that lost its machine may wait for their place."""
        if not self._waiting:
            for worker in [*self._coming.values(), *(one for one, has in self._there.items() if not has)]:
                self._ray.kill(worker)
                self._there.pop(worker, None)
            self._coming.clear()

    def _wait(self) -> None:
        done, _ = self._ray.wait([*self._coming, *self._under_way], timeout=LOOK_UP_S)
        for reply in done:
            self._ray.get(reply)
            if reply in self._coming:
                self._there[self._coming.pop(reply)] = 0
            else:
                self._there[self._under_way.pop(reply)] -= 1
