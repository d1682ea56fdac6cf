"""Who takes which shard, with actors that stand still until they are told to go on."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from emogen.on_ray.crew import Crew


class Reply:
    """What a call of an actor gives at once."""

    def __init__(self, worker: Worker, shard: int | None) -> None:
        self.worker = worker
        self.shard = shard


class Method:
    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def remote(self, shard: int | None = None) -> Reply:
        return Reply(self._worker, shard)


class Worker:
    def __init__(self, number: int) -> None:
        self.number = number
        self.work = self.__ray_ready__ = Method(self)


class Ray:
    """As much of Ray as a crew uses. The oldest call returns first, but none of those that find no room.

    Attributes:
        most: How many shards each worker had at once.
        log: Worker and shard, as they were done.
        killed: Numbers of workers.
    """

    def __init__(
        self, *, room: int = 99, broken: int | None = None, interrupted_after: int | None = None
    ) -> None:
        self.room = room
        self.broken = broken
        self.interrupted_after = interrupted_after
        self.ending = threading.Event()
        self.started: list[Worker] = []
        self.most: dict[int, int] = {}
        self.log: list[tuple[int, int]] = []
        self.killed: list[int] = []

    def start(self) -> Worker:
        self.started.append(Worker(len(self.started)))
        return self.started[-1]

    def wait(self, replies: list[Reply], *, timeout: float) -> tuple[list[Reply], list[Reply]]:
        for number in {reply.worker.number for reply in replies}:
            has = sum(reply.worker.number == number for reply in replies if reply.shard is not None)
            self.most[number] = max(self.most.get(number, 0), has)
        if len(self.log) == self.interrupted_after:
            self.ending.set()
            return [], replies
        first = next(reply for reply in replies if reply.worker.number < self.room)
        return [first], [reply for reply in replies if reply is not first]

    def get(self, reply: Reply) -> None:
        if reply.shard is None:
            return
        if reply.shard == self.broken:
            raise ZeroDivisionError
        self.log.append((reply.worker.number, reply.shard))

    def kill(self, worker: Worker) -> None:
        self.killed.append(worker.number)


def worked(ray: Ray, shards: int, **told: Any) -> list[int]:
    """Let a crew work, and return the shards in the order in which they were done."""
    with Crew(ray, ray.start, **{"least": 1, "most": 1, "at_once": 2, **told}) as crew:
        crew.work(range(shards), ray.ending)
    return [shard for _, shard in ray.log]


def test_each_shard_is_taken_once_and_nobody_is_left() -> None:
    """Whoever is done with one gets the next; in the end all workers are gone."""
    ray = Ray()
    assert sorted(worked(ray, 9, least=2, most=2)) == list(range(9))
    assert ray.most == {0: 2, 1: 2}
    assert sorted(ray.killed) == [0, 1]


def test_few_shards_are_shared() -> None:
    """The first to come does not take what the others came for."""
    ray = Ray()
    worked(ray, 3, least=3, most=3)
    assert ray.most == {0: 1, 1: 1, 2: 1}


@pytest.mark.parametrize(("shards", "workers"), [(1, 1), (4, 2), (5, 3), (40, 4)])
def test_as_many_are_looked_for_as_the_shards_need(shards: int, workers: int) -> None:
    """Between the least and the most, so that each has its hands full."""
    ray = Ray()
    worked(ray, shards, least=1, most=4)
    assert len(ray.started) == workers


def test_whoever_finds_no_room_is_not_waited_for() -> None:
    """The others take all shards; they go once nothing is left for them, as their place may be what is missing."""
    ray = Ray(room=1)
    assert sorted(worked(ray, 6, least=3, most=3)) == list(range(6))
    assert {number for number, _ in ray.log} == {0}
    assert sorted(ray.killed) == [0, 1, 2]


def test_an_error_of_a_worker_ends_the_work() -> None:
    """It is the caller's, and the workers go."""
    ray = Ray(broken=2)
    with pytest.raises(ZeroDivisionError):
        worked(ray, 5, least=2, most=2)
    assert sorted(ray.killed) == [0, 1]


def test_it_can_be_ended_before() -> None:
    """Nobody waits within Ray when the program leaves it, and the workers go."""
    ray = Ray(interrupted_after=3)
    assert len(worked(ray, 9, least=2, most=2)) == 3
    assert sorted(ray.killed) == [0, 1]
