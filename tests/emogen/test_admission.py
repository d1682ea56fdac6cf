"""Admission on a virtual clock: limits a minute, requests in flight, money."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest
from virtual_time import now_s, run_virtually

from emogen.admission import Admission, CostLimitError, Limits, Ticket
from emogen.errors import InputError


def gate(spent: float = 0.0, **limits: float | int | None) -> Admission:
    return Admission(Limits(**limits), spent, asyncio.get_running_loop().time)  # type: ignore[arg-type]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def free(admission: Admission) -> bool:
    return admission._in_flight == admission._at_server == 0 == admission._reserved and not admission._waiting


def test_first_come_first_served() -> None:
    """Waiting requests are admitted in the order in which they came."""

    async def work() -> list[int]:
        admission, order = gate(in_flight=1), []

        async def one(number: int) -> None:
            ticket = await admission.enter(1 + number % 3)
            order.append(number)
            await asyncio.sleep(random.random())
            admission.answered(ticket)
            admission.succeeded(ticket, 1, 0)

        await asyncio.gather(*(one(number) for number in range(20)))
        assert free(admission)
        return order

    assert run_virtually(work()) == list(range(20))


def test_an_answer_gives_its_place_at_the_server_and_its_commit_the_slot() -> None:
    """What is answered and not yet committed lets another be sent, as long as no more than allowed hold a slot."""

    async def work() -> None:
        admission = gate(in_flight=48)
        held = [await admission.enter(1) for _ in range(32)]
        tasks = [asyncio.create_task(admission.enter(1)) for _ in range(32)]
        await settle()
        assert not any(task.done() for task in tasks)  # The server is asked carefully at first.
        for ticket in held:
            admission.answered(ticket)
        await settle()
        assert sum(task.done() for task in tasks) == 16
        for ticket in held:
            admission.succeeded(ticket, 1, 0)
        await settle()
        assert all(task.done() for task in tasks)
        for task in tasks:
            admission.leave(task.result())
        assert free(admission)

    run_virtually(work())


async def sent_at(
    admission: Admission, requests: int, tokens: float, used: float | None = None
) -> list[float]:
    times: list[float] = []

    async def one() -> None:
        ticket = await admission.enter(tokens)
        times.append(now_s())
        await asyncio.sleep(0.01)
        admission.succeeded(ticket, tokens if used is None else used, 0)

    await asyncio.gather(*(one() for _ in range(requests)))
    return times


def test_requests_a_minute() -> None:
    """After a short burst, requests go out at the rate that is allowed."""
    times = run_virtually(_with_gate(lambda gated: sent_at(gated, 130, 10), requests_per_minute=60))
    assert sum(time < 60 for time in times) <= 66
    assert 120 <= times[-1] <= 130


def test_tokens_a_minute() -> None:
    """Tokens are kept to their rate, whatever the number of requests."""
    times = run_virtually(_with_gate(lambda gated: sent_at(gated, 50, 100), tokens_per_minute=1200))
    assert sum(100 for time in times if time < 60) <= 1200 * 65 / 60
    assert 240 <= times[-1] <= 250


def test_unused_tokens_are_given_back() -> None:
    """What a request took less than was reserved for it lets others go earlier."""
    times = run_virtually(
        _with_gate(lambda gated: sent_at(gated, 40, 100, used=10), tokens_per_minute=1200, in_flight=1)
    )
    assert times[-1] <= 25


def test_tokens_that_were_not_reserved_are_owed() -> None:
    """What a request took more than was reserved holds the next ones back."""
    times = run_virtually(
        _with_gate(lambda gated: sent_at(gated, 10, 10, used=100), tokens_per_minute=1200, in_flight=1)
    )
    assert times[-1] >= 35


def test_a_request_larger_than_the_bucket() -> None:
    """A request that takes more tokens than a burst holds passes, and what it took is owed afterwards."""
    times = run_virtually(_with_gate(lambda gated: sent_at(gated, 2, 1000), tokens_per_minute=1200))
    assert times[0] == 0
    assert 49 <= times[1] <= 51


async def _with_gate(work: Callable[[Admission], object], **limits: float) -> list[float]:
    return await work(gate(**limits))  # type: ignore[misc, no-any-return]


def test_refused_tokens_are_given_back() -> None:
    """A refused request took no tokens, and holds no slot."""

    async def work() -> float:
        admission = gate(tokens_per_minute=1200, in_flight=1)
        admission.refused_by_server(await admission.enter(100))
        admission.leave(await admission.enter(100))
        assert admission.refused == 1
        return now_s()

    assert run_virtually(work()) == 0


@pytest.mark.parametrize("text", [None, "-1", "0", "", "lots", "nan", "inf", "-inf"])
def test_headers_that_say_nothing(text: str | None) -> None:
    """Limits that are absent, -1, 0 or no number set no limit."""
    names = ("x-ratelimit-limit-requests", "x-ratelimit-limit-tokens")
    headers = {name: text for name in names if text is not None}

    async def work() -> list[float]:
        admission = gate()
        admission.learn({**headers, "x-ratelimit-remaining-requests": "0"})
        return await sent_at(admission, 500, 1e9)

    assert max(run_virtually(work())) < 1


def test_learnt_limits() -> None:
    """A limit that the server states is kept; a later statement takes the place of an earlier one."""

    async def work() -> tuple[float, float]:
        admission = gate()
        admission.learn({"x-ratelimit-limit-requests": "60"})
        first = (await sent_at(admission, 65, 1))[-1]
        admission.learn({"x-ratelimit-limit-requests": "600"})
        return first, (await sent_at(admission, 100, 1))[-1] - first

    slow, fast = run_virtually(work())
    assert 59 <= slow <= 61
    assert fast <= 11


def test_what_the_server_says_is_left() -> None:
    """Where the server says that nothing is left, the burst is not used."""

    async def work() -> float:
        admission = gate()
        admission.learn({"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "0"})
        return (await sent_at(admission, 1, 1))[0]

    assert run_virtually(work()) == pytest.approx(1.0)


def test_the_flag_goes_before_the_headers() -> None:
    """What the user set is kept, whatever the server states."""

    async def work() -> list[float]:
        admission = gate(requests_per_minute=6000, tokens_per_minute=60000)
        for name in ("requests", "tokens"):
            admission.learn({f"x-ratelimit-limit-{name}": "1", f"x-ratelimit-remaining-{name}": "0"})
        return await sent_at(admission, 100, 10)

    assert max(run_virtually(work())) < 1


def test_money_is_a_hard_limit() -> None:
    """Nothing is sent that might exceed the limit with what is in flight; what was reserved in vain is used."""

    async def work() -> tuple[float, float, list[object]]:
        admission, most = gate(in_flight=16, max_cost=1.0, spent=0.2), 0.0

        async def one() -> None:
            nonlocal most
            ticket = await admission.enter(1, 0.1)
            most = max(most, admission.spent + admission._reserved)
            await asyncio.sleep(1)
            admission.succeeded(ticket, 1, 0.04)

        ended = await asyncio.gather(*(one() for _ in range(50)), return_exceptions=True)
        assert free(admission)
        return most, admission.spent, list(ended)

    most, spent, ended = run_virtually(work())
    assert most <= 1.0 + 1e-9
    # The last place that a reserve of 0.1 fits into.
    assert 0.9 < spent <= 1.0
    refused = [error for error in ended if isinstance(error, CostLimitError)]
    assert len(refused) == 50 - round((spent - 0.2) / 0.04)
    assert str(refused[0]).startswith("--max-cost: the next request may cost 0.1")


@pytest.mark.parametrize("limits", [{"in_flight": 0}, {"requests_per_minute": 0}, {"tokens_per_minute": -1}])
def test_limits_that_let_nothing_pass(limits: dict[str, int]) -> None:
    """A limit of nothing is refused at once instead of waiting for ever."""
    with pytest.raises(InputError, match="not above 0"):
        Limits(**limits)


def test_cancelled_waiters() -> None:
    """A waiter that is cancelled leaves no slot, and its place is given to the next, even in the same moment."""

    async def work() -> None:
        admission = gate(in_flight=1)
        held = await admission.enter(1)
        waiting = [asyncio.create_task(admission.enter(1)) for _ in range(3)]
        await settle()
        waiting[0].cancel()
        admission.leave(held)  # Before the cancelled task could leave the queue.
        await settle()
        assert waiting[0].cancelled()
        assert waiting[1].done()
        assert not waiting[2].done()
        waiting[2].cancel()
        await settle()
        admission.leave(waiting[1].result())
        assert free(admission)

    run_virtually(work())


def test_cancelled_once_admitted() -> None:
    """A request that is cancelled after it was admitted, and before it knows, gives its slot back."""

    async def work() -> None:
        admission = gate(in_flight=1, max_cost=1.0)
        held = await admission.enter(1, 0.5)
        task = asyncio.create_task(admission.enter(1, 0.5))
        await settle()
        admission.leave(held)
        task.cancel()
        await settle()
        assert task.cancelled()
        assert free(admission)

    run_virtually(work())


def test_cancelled_once_refused() -> None:
    """A request that is cancelled after money ran out, and before it knows, frees no slot that it never had."""

    async def work() -> None:
        admission = gate(in_flight=1, max_cost=1.0)
        held = await admission.enter(1, 1.0)
        task = asyncio.create_task(admission.enter(1, 1.0))
        await settle()
        admission.succeeded(held, 1, 1.0)
        task.cancel()
        await settle()
        assert task.cancelled()
        assert free(admission)

    run_virtually(work())


def test_a_cancelled_first_waiter_holds_nobody_back() -> None:
    """Where the first in the queue waits long for tokens and is cancelled, the next goes when its own time comes."""

    async def work() -> float:
        admission = gate(tokens_per_minute=1200)
        admission.leave(await admission.enter(100))
        large = asyncio.create_task(admission.enter(100))
        small = asyncio.create_task(admission.enter(2))
        await asyncio.sleep(0.5)
        large.cancel()
        await small
        return now_s()

    assert run_virtually(work()) == pytest.approx(0.5)


def test_one_gate_for_two_event_loops() -> None:
    """A gate whose event loop was closed while requests waited for their minute serves the next loop."""
    admission = Admission(Limits(requests_per_minute=120))

    async def leave_waiters() -> None:
        tasks = [asyncio.create_task(admission.enter(1)) for _ in range(20)]
        await settle()
        for task in tasks:
            if task.done():
                admission.leave(task.result())

    async def go_on() -> Ticket:
        return await asyncio.wait_for(admission.enter(1), 10)

    asyncio.run(leave_waiters())
    admission.leave(asyncio.run(go_on()))
    assert free(admission)
