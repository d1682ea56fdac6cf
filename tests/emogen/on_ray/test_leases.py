"""One admission for many workers, on a virtual clock: a rate, slots, money, the server's wishes, and deaths."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from virtual_time import now_s, run_virtually

from emogen.admission import CostLimitError, Limits
from emogen.on_ray.lease import Lease, Report
from emogen.on_ray.leased_admission import LeasedAdmission
from emogen.on_ray.leases import SILENT_S, Leases


class Server:
    """Takes so many requests a second, in bursts of a second at most, and so many at once; it counts."""

    def __init__(self, per_s: float = 1e9, places: int = 10**9, latency_s: float = 0.05) -> None:
        self.per_s, self.places, self.latency_s = per_s, places, latency_s
        self.level, self.at_s = per_s, 0.0
        self.now = self.peak = 0
        self.outcomes: Counter[str] = Counter()

    async def ask(self) -> bool:
        self.level = min(self.per_s, self.level + (now_s() - self.at_s) * self.per_s)
        self.at_s = now_s()
        if self.level < 1 or self.now >= self.places:
            self.outcomes["refused"] += 1
            return False
        self.level -= 1
        self.now += 1
        self.peak = max(self.peak, self.now)
        await asyncio.sleep(self.latency_s)
        self.now -= 1
        self.outcomes["answered"] += 1
        return True


async def renewing(leases: Leases, report: Report) -> Lease:
    await asyncio.sleep(0.002)
    return leases.renewed(report)


class World:
    """The desk's leases, a server, and workers with as many tasks as the program has."""

    def __init__(self, server: Server, *, tasks: int = 100, cost: float = 0.0, **limits: float) -> None:
        self.limits = Limits(**limits)  # type: ignore[arg-type]
        self.leases = Leases(self.limits, clock=asyncio.get_running_loop().time)
        self.server, self.tasks, self.cost = server, tasks, cost
        self.gates: list[LeasedAdmission] = []

    def gate(self) -> LeasedAdmission:
        async def renew(report: Report) -> Lease:
            return await renewing(self.leases, report)

        gate = LeasedAdmission(str(len(self.gates)), renew, self.limits, asyncio.get_running_loop().time)
        self.gates.append(gate)
        return gate

    async def worker(self, requests: int, retry_after_s: float = 1.0) -> int:
        """Send so many requests, each again until it is answered; return how many were."""
        gate, left, answered = self.gate(), iter(range(requests)), 0

        async def task() -> None:
            nonlocal answered
            for _ in left:
                again = False
                while True:
                    ticket = await gate.enter(100, self.cost, again=again)
                    if await self.server.ask():
                        break
                    gate.refused_by_server(ticket, retry_after_s)
                    again = True
                    await asyncio.sleep(retry_after_s)
                gate.answered(ticket)
                await asyncio.sleep(0.02)
                gate.succeeded(ticket, 100, self.cost / 2)
                answered += 1

        tasks = await asyncio.gather(*(task() for _ in range(self.tasks)), return_exceptions=True)
        errors = [found for found in tasks if found is not None]
        assert all(isinstance(error, CostLimitError) for error in errors), errors
        return answered


def test_workers_together_keep_to_a_rate() -> None:
    """Four workers against a server that takes 200 requests a second: it refuses nothing, and is kept busy."""

    async def work() -> tuple[Server, float]:
        server = Server(per_s=200)
        world = World(server, in_flight=64, requests_per_minute=12_000)
        await asyncio.gather(*(world.worker(1000) for _ in range(4)))
        return server, now_s()

    server, took_s = run_virtually(work())
    assert server.outcomes["answered"] == 4000
    assert server.outcomes["refused"] == 0
    assert took_s < 1.1 * 4000 / 200


def test_a_rate_is_learnt_for_all_of_them() -> None:
    """What one worker reads in a header holds for all: at most one in a hundred is refused."""

    async def work() -> Server:
        server = Server(per_s=200)
        world = World(server, in_flight=64)

        async def tell() -> None:
            await asyncio.sleep(0.06)
            world.gates[0].learn({"x-ratelimit-limit-requests": "12000", "date": "today"})

        await asyncio.gather(tell(), *(world.worker(1000) for _ in range(3)))
        return server

    server = run_virtually(work())
    assert server.outcomes["answered"] == 3000
    assert server.outcomes["refused"] <= 30


def test_tokens_a_minute_are_shared() -> None:
    """Requests of 100 tokens, and 60,000 tokens a minute: ten a second, by three workers together."""

    async def work() -> float:
        world = World(Server(), in_flight=64, tokens_per_minute=60_000)
        await asyncio.gather(*(world.worker(100) for _ in range(3)))
        return now_s()

    assert 28 < run_virtually(work()) < 33


def test_slots_are_shared_and_all_used() -> None:
    """Three workers have no more requests at once than one may, and no fewer."""

    async def work() -> Server:
        server = Server()
        world = World(server, in_flight=30)
        await asyncio.gather(*(world.worker(600) for _ in range(3)))
        return server

    server = run_virtually(work())
    assert 28 <= server.peak <= 30


def test_a_worker_that_comes_later_gets_its_share() -> None:
    """Whoever holds all slots lets go of half of them with its next lease."""

    async def work() -> list[int]:
        world = World(Server(), in_flight=40)
        first = asyncio.create_task(world.worker(4000))
        await asyncio.sleep(2)
        second = asyncio.create_task(world.worker(4000))
        await asyncio.sleep(1)
        held = [gate._in_flight for gate in world.gates]
        await asyncio.gather(first, second)
        return held

    assert all(15 <= held <= 20 for held in run_virtually(work()))


def test_a_full_server_is_found_out_together() -> None:
    """A server that holds 20 is kept busy by four workers that may have 64, and refuses few of their requests."""

    async def work() -> tuple[Server, float]:
        server = Server(places=20)
        world = World(server, in_flight=64)
        await asyncio.gather(*(world.worker(1500, retry_after_s=0.2) for _ in range(4)))
        return server, now_s()

    server, took_s = run_virtually(work())
    assert server.outcomes["answered"] == 6000
    assert server.outcomes["refused"] < 0.25 * 6000
    assert took_s < 1.25 * 6000 * server.latency_s / 20


def test_money_is_a_hard_stop_over_all_workers() -> None:
    """They spend no more than allowed, nearly all of it, and each is told that it is used up."""

    async def work() -> tuple[float, list[int]]:
        world = World(Server(), in_flight=16, cost=1.0, max_cost=100.0)
        answered = await asyncio.gather(*(world.worker(1000) for _ in range(3)))
        return sum(gate.spent for gate in world.gates), answered

    spent, answered = run_virtually(work())
    assert 99.0 <= spent <= 100.0
    assert sum(answered) == 2 * spent


def test_a_dead_workers_share_goes_to_the_others() -> None:
    """After some seconds of silence its slots are free, and what it may have spent counts as spent."""

    async def work() -> tuple[LeasedAdmission, Leases, float]:
        world = World(Server(latency_s=0.5), in_flight=8, cost=1.0, max_cost=1000.0)
        dying = asyncio.create_task(world.worker(10**6))
        living = asyncio.create_task(world.worker(10**6))
        await asyncio.sleep(3)
        spent = world.leases.spent
        dying.cancel()
        await world.gates[0].aclose()
        await asyncio.sleep(SILENT_S + 1)
        held = world.gates[1]
        assert held._in_flight == 8
        living.cancel()
        await world.gates[1].aclose()
        return held, world.leases, spent

    _, leases, spent = run_virtually(work())
    assert leases.perhaps_spent >= 4.0
    assert leases.spent > spent


def test_a_report_that_comes_twice_counts_once() -> None:
    """Ray sends calls again after a failure."""
    leases = Leases(Limits(in_flight=4, max_cost=10.0), clock=lambda: 0.0)
    report = Report("a", waiting=3, cost_waiting=3.0, next_cost=1.0)
    leases.renewed(report)
    spent = Report("a", requests=2, spent=2.0, waiting=3, cost_waiting=3.0, next_cost=1.0)
    for _ in range(3):
        lease = leases.renewed(spent)
        assert leases.spent == 2.0
    assert lease.money is not None
    assert 3.0 <= lease.money <= 8.0


def test_what_the_journal_holds_is_spent() -> None:
    """Whatever its workers reported before they died."""
    leases = Leases(Limits(in_flight=4, max_cost=10.0), clock=lambda: 0.0)
    leases.renewed(Report("a", requests=50, spent=4.0, waiting=3, cost_waiting=3.0, next_cost=1.0))
    assert leases.spent == 4.0
    leases.note_committed(7.0)
    assert leases.spent == 7.0


def test_a_server_that_refuses_all_is_left_alone_by_all() -> None:
    """Its Retry-After to one worker holds for the others, too; that of a single refusal does not."""

    async def work(refusals: int) -> float:
        world = World(Server(), in_flight=64)
        gate, other = world.gate(), world.gate()
        for ticket in await asyncio.gather(*(gate.enter(1) for _ in range(refusals))):
            gate.refused_by_server(ticket, retry_after_s=10.0)
        await asyncio.sleep(0.2)
        ticket = await other.enter(1)
        other.leave(ticket)
        await gate.aclose()
        await other.aclose()
        return now_s()

    assert run_virtually(work(1)) < 1.0
    assert 9.5 < run_virtually(work(24)) < 11.0


@pytest.mark.parametrize("how", ["cancelled", "left"])
def test_nothing_is_held_afterwards(how: str) -> None:
    """A gate without work has given back all that it had."""

    async def work() -> Report:
        seen: list[Report] = []
        leases = Leases(Limits(in_flight=4), clock=asyncio.get_running_loop().time)

        async def renew(report: Report) -> Lease:
            seen.append(report)
            return leases.renewed(report)

        gate = LeasedAdmission("a", renew, Limits(in_flight=4), asyncio.get_running_loop().time)
        entering = [asyncio.create_task(gate.enter(1)) for _ in range(6)]
        await asyncio.sleep(0.5)
        if how == "cancelled":
            for task in entering:
                task.cancel()
            done = await asyncio.gather(*entering, return_exceptions=True)
            tickets = [found for found in done if not isinstance(found, BaseException)]
        else:
            tickets = []
            for task in entering:
                tickets.append(await task)
                gate.leave(tickets.pop())
        for ticket in tickets:
            gate.leave(ticket)
        await asyncio.sleep(1.0)
        assert gate._renewing is not None
        assert gate._renewing.done()
        return seen[-1]

    assert run_virtually(work()).demand == 0
