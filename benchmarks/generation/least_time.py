"""How long a run takes at least, when the server follows a plan."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.generation.plan import Plan

__all__ = ["Step", "bound_s", "in_order_s", "steps"]


@dataclass(frozen=True)
class Step:
    """One attempt of a request.

    Attributes:
        held_s: How long it occupies a slot.
        wait_s: How long the server then asks to wait, without a slot, before the next attempt.
    """

    held_s: float
    wait_s: float = 0.0


def steps(plan: Plan, key: str, timeout_s: float) -> tuple[Step, ...]:
    """Return the attempts that request `key` needs; a hang ends with the client's time-out."""
    latency_s = plan.latency_s(key)
    taken = {"rate_limited": Step(0.0, plan.retry_after_s), "hang": Step(timeout_s)}
    return tuple(taken.get(outcome, Step(latency_s)) for outcome in plan.course(key))


def bound_s(requests: Iterable[Sequence[Step]], in_flight: int) -> float:
    """Return what no client can beat, even one that knows all faults beforehand.

    The work of all slots shared out evenly, or the longest course of a single request, whichever is more.
    """
    work_s = longest_s = 0.0
    for request in requests:
        work_s += sum(step.held_s for step in request)
        longest_s = max(longest_s, sum(step.held_s + step.wait_s for step in request))
    return max(work_s / in_flight, longest_s)


def in_order_s(requests: Sequence[Sequence[Step]], in_flight: int) -> float:
    """Return the time of an ideal client that cannot see the future.

    It takes new requests in order and without effort, keeps every slot busy, and repeats a request the moment that
    the server allows it, before new ones.
    """
    fresh = ((index, 0) for index in range(len(requests)))
    next_fresh = next(fresh, None)
    running: list[tuple[float, int, int]] = []
    resting: list[tuple[float, int, int]] = []
    now_s, free = 0.0, in_flight
    while running or resting or next_fresh:
        while free:
            if resting and resting[0][0] <= now_s:
                _, index, step = heapq.heappop(resting)
            elif next_fresh:
                (index, step), next_fresh = next_fresh, next(fresh, None)
            else:
                break
            free -= 1
            heapq.heappush(running, (now_s + requests[index][step].held_s, index, step))
        coming = [queue[0][0] for queue in (running, resting if free else ()) if queue]
        now_s = max(now_s, min(coming))
        while running and running[0][0] <= now_s:
            _, index, step = heapq.heappop(running)
            free += 1
            if step + 1 < len(requests[index]):
                ready_s = now_s + requests[index][step].wait_s
                heapq.heappush(resting, (ready_s, index, step + 1))
    return now_s
