"""What a server takes at once, found out from its refusals: on a virtual clock, with refusals at once and late."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from statistics import mean
from typing import Any, Final

import pytest
from virtual_time import now_s, run_virtually

from emogen.admission import Admission, Limits

AT_ONCE: Final = (0.001, 0.001)
LATE: Final = (0.015, 0.04)
LATENCY_S: Final = 0.05
SEEDS: Final = (0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2)))


class Server:
    """Holds so many requests; refuses the others, and some at random.

    Args:
        holds: How many, or how many after so many answers.
        share: What it refuses whatever their number.
        refuses_in_s: How long a refusal takes, from and to.
        reads_in_s: How long an answer is on its way back, when the server has a place again and the client does not
            know, from and to.
        seed: Of all that is random.
    """

    def __init__(
        self,
        holds: int | Callable[[int], int],
        share: float = 0.0,
        refuses_in_s: tuple[float, float] = AT_ONCE,
        reads_in_s: tuple[float, float] = (0.0, 0.0),
        seed: int = 7,
    ) -> None:
        self._holds = holds if callable(holds) else lambda answered: holds
        self._share, self._refuses_in_s, self._reads_in_s = share, refuses_in_s, reads_in_s
        self.running = self.most = self.answered = self.refused = 0
        self.random = random.Random(seed)

    async def answers(self) -> bool:
        if self.running >= self._holds(self.answered) or self.random.random() < self._share:
            self.refused += 1
            await asyncio.sleep(self.random.uniform(*self._refuses_in_s))
            return False
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(LATENCY_S * self.random.uniform(0.9, 1.1))
        self.running -= 1
        self.answered += 1
        await asyncio.sleep(self.random.uniform(*self._reads_in_s))
        return True


class Flood:
    """Rows sent as the engine does; `limits` are those after each answer."""

    def __init__(self, server: Server, rows: int, in_flight: int, commit_s: float = 0.0, **more: Any) -> None:
        self.limits: list[int] = []
        self._server, self._rows, self._in_flight, self._commit_s = server, rows, in_flight, commit_s
        self._more = more
        self.took_s = run_virtually(self._run())

    async def _run(self) -> float:
        clock = asyncio.get_running_loop().time
        gate = Admission(Limits(in_flight=self._in_flight, **self._more), clock=clock)
        todo = iter(range(self._rows))
        await asyncio.gather(*(self._work(gate, todo) for _ in range(3 * self._in_flight)))
        assert gate._in_flight == gate._at_server == 0
        return now_s()

    async def _work(self, gate: Admission, todo: Any) -> None:
        for _ in todo:
            again = False
            while True:
                ticket = await gate.enter(1, again=again)
                if await self._server.answers():
                    gate.answered(ticket)
                    self.limits.append(gate.limit)
                    await asyncio.sleep(self._commit_s)
                    gate.succeeded(ticket, 1, 0)
                    break
                gate.refused_by_server(ticket)
                again = True
                await asyncio.sleep(self._server.random.uniform(0.1, 0.2))


def test_never_more_in_flight_than_allowed() -> None:
    """However many wait and however well it goes, no more than the limit are sent at once, and all of it is used."""
    server = Server(holds=1000)
    Flood(server, 500, 48)
    assert server.most == 48


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("reads_in_s", [(0.0, 0.0), (0.0, 0.005)])
@pytest.mark.parametrize("refuses_in_s", [AT_ONCE, LATE])
def test_a_full_server(refuses_in_s: tuple[float, float], reads_in_s: tuple[float, float], seed: int) -> None:
    """A server that holds 64 of 256 is found out after few refusals, and its places stay in use."""
    server = Server(64, refuses_in_s=refuses_in_s, reads_in_s=reads_in_s, seed=seed)
    flood = Flood(server, 2000, 256)
    assert 62 <= mean(flood.limits[500:]) <= 72
    assert server.refused < 200
    assert flood.took_s < 1.35 * 2000 / 64 * LATENCY_S


def test_commits_take_no_place_at_the_server() -> None:
    """Answers that are slow to commit hold slots, and not the server's places."""
    server = Server(64)
    assert Flood(server, 2000, 256, commit_s=0.1).took_s < 1.35 * 2000 / 64 * LATENCY_S
    assert server.refused < 200


@pytest.mark.parametrize("seed", SEEDS)
def test_a_full_server_in_a_long_run(seed: int) -> None:
    """More places are tried time and again, at the price of few refusals, and do not creep up."""
    server = Server(64, refuses_in_s=LATE, reads_in_s=(0.0, 0.01), seed=seed)
    flood = Flood(server, 20_000, 256)
    assert server.refused < 0.1 * 20_000
    assert 62 <= mean(flood.limits[-5000:]) <= 76


@pytest.mark.parametrize("refuses_in_s", [AT_ONCE, LATE])
def test_a_server_for_one(refuses_in_s: tuple[float, float]) -> None:
    """A server that holds one request at a time brings the limit down to one or two."""
    assert mean(Flood(Server(1, refuses_in_s=refuses_in_s), 300, 64).limits[200:]) <= 2


def test_a_server_that_holds_fewer_later_on() -> None:
    """What a server holds no longer is given up, at the price of few refusals."""
    server = Server(lambda answered: 64 if answered < 1000 else 16)
    assert 15 <= mean(Flood(server, 3000, 64).limits[2000:]) <= 18
    assert server.refused < 200


def test_a_server_that_holds_more_later_on() -> None:
    """Places that come back are found."""
    server = Server(lambda answered: 16 if answered < 1000 else 64)
    assert mean(Flood(server, 6000, 64).limits[-1000:]) > 60


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("share", "in_flight"), [(0.1, 64), (0.1, 256), (0.2, 64)])
@pytest.mark.parametrize("refuses_in_s", [AT_ONCE, LATE])
def test_random_refusals_do_not_starve(
    refuses_in_s: tuple[float, float], share: float, in_flight: int, seed: int
) -> None:
    """Of what is allowed, a third stays at least, where one in ten or in five is refused at random; mostly all."""
    server = Server(1000, share, refuses_in_s, seed=seed)
    assert mean(Flood(server, 6000, in_flight).limits[1500:]) > 0.33 * in_flight


@pytest.mark.parametrize("seed", SEEDS)
def test_a_full_server_that_refuses_at_random_too(seed: int) -> None:
    """What a server refuses whatever their number does not hide that it is full, nor starve what it holds."""
    server = Server(64, 0.1, LATE, seed=seed)
    assert 40 <= mean(Flood(server, 4000, 256).limits[1000:]) <= 80
    assert server.refused < 0.3 * 4000


def test_the_limit_grows_only_while_all_places_are_taken() -> None:
    """Requests that wait for the minute's allowance say nothing about what the server holds."""
    flood = Flood(Server(1000), 300, 64, requests_per_minute=600)
    assert flood.limits[-1] == 32
