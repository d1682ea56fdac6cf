"""A worker's gate: it admits what its lease allows, and renews the lease while there is anything to do."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from emogen.admission import Admission, CostLimitError, Limits, Ticket, Verdict
from emogen.on_ray.lease import NOTHING, Lease, Report

__all__ = ["LeasedAdmission"]

# Two reports of one worker are at least so far apart: each takes about a millisecond of CPU.
GAP_S: Final = 0.05
LEARNT: Final = tuple(
    f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining") for of in ("requests", "tokens")
)


class LeasedAdmission(Admission):
    """The gate of one worker.

    Args:
        worker: Its name, which no other one has.
        renew: Sends a report and returns the new lease.
        limits: What the user allows all workers together.
        clock: Seconds that go on as the event loop's do.
    """

    def __init__(
        self,
        worker: str,
        renew: Callable[[Report], Awaitable[Lease]],
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(limits, clock=clock)
        self._worker = worker
        self._renew = renew
        self._lease = NOTHING
        self._requests_left: float | None = 0.0
        self._tokens_left: float | None = 0.0
        self._money_left: float | None = 0.0
        self._not_before_s = clock()
        self._sent = self._answered = self._saturated = 0
        self._tokens_taken = 0.0
        self._refused: Counter[int] = Counter()
        self._retry_at_s = clock()
        self._headers: dict[str, str] = {}
        self._limits_said: dict[str, str] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._soon = asyncio.Event()

    @property
    def limit(self) -> int:
        """How many requests of all workers may be with the server now."""
        return self._lease.limit

    async def aclose(self) -> None:
        """Give everything back; nothing is admitted afterwards."""
        if self._renewing is not None:
            self._renewing.cancel()
            with suppress(asyncio.CancelledError):
                await self._renewing

    async def enter(self, tokens: float, cost: float = 0.0, *, again: bool = False) -> Ticket:
        """Wait as `Admission.enter` does."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._keep_renewing())
            self._renewing.add_done_callback(self._renewed_no_more)
        return await super().enter(tokens, cost, again=again)

    def answered(self, ticket: Ticket) -> None:
        """Count an answer."""
        if self._waiting and self._at_server >= self._lease.places:
            self._saturated += 1
        else:
            self._answered += 1
        self._reply(ticket)
        self._pump()

    def succeeded(self, ticket: Ticket, tokens: float, cost: float) -> None:
        """Close an answered ticket with what the request really took."""
        self._take_tokens(tokens - ticket.tokens)
        self._take_money(cost)
        self.spent += cost
        self.leave(ticket)

    def refused_by_server(self, ticket: Ticket, retry_after_s: float | None = None) -> None:
        """Count a refusal; how long the server asks to wait may concern all workers."""
        self.refused += 1
        self._take_tokens(-ticket.tokens)
        self._refused[ticket.limit] += 1
        if retry_after_s:
            self._retry_at_s = max(self._retry_at_s, self._clock() + retry_after_s)
        # Its place is not taken again before the desk has said how many there are: all that waits would be refused.
        self._lease = replace(self._lease, places=max(0, self._lease.places - 1))
        self._soon.set()
        self.leave(ticket)

    def leave(self, ticket: Ticket) -> None:
        """Free the slot of a request and what was reserved for it."""
        self._take_money(-ticket.cost)
        super().leave(ticket)
        if not self._in_flight and not self._waiting:
            # What is idle here is of use elsewhere.
            self._soon.set()

    def learn(self, headers: Mapping[str, str]) -> None:
        """Keep what the server says of its limits for the next report."""
        said = {name: headers[name] for name in LEARNT if name in headers}
        if not said:
            return
        self._headers = said
        limits = {name: value for name, value in said.items() if "-limit-" in name}
        if limits != self._limits_said:
            self._limits_said = limits
            self._soon.set()

    def _has_room(self) -> bool:
        lease = self._lease
        return self._in_flight < lease.slots and self._at_server < lease.places

    def _verdict(self, ticket: Ticket) -> Verdict:
        """Say whether the lease suffices for a request; otherwise the next one is asked for."""
        wait_s = self._not_before_s - self._clock()
        if wait_s > 0:
            self._come_back(wait_s)
            return "wait"
        if self._money_left is not None and self._money_left < ticket.cost:
            if self._lease.exhausted and not self._in_flight:
                return "refuse"
        elif (self._requests_left is None or self._requests_left >= 1) and (
            # A request that is larger than the bucket is let through once that is full.
            self._tokens_left is None
            or self._tokens_left >= min(ticket.tokens, self._lease.tokens or 0.0) > 0
        ):
            return "go"
        self._soon.set()
        return "wait"

    def _reserve(self, ticket: Ticket) -> None:
        super()._reserve(ticket)
        self._sent += 1
        if self._requests_left is not None:
            self._requests_left -= 1
        self._take_tokens(ticket.tokens)
        self._take_money(ticket.cost)

    def _take_tokens(self, tokens: float) -> None:
        self._tokens_taken += tokens
        if self._tokens_left is not None:
            self._tokens_left -= tokens

    def _take_money(self, cost: float) -> None:
        if self._money_left is not None:
            self._money_left -= cost

    def _too_dear(self, ticket: Ticket) -> CostLimitError:
        # What all workers have spent is what the user wants to know.
        everybody = Admission(self._limits, self._lease.spent)
        everybody.perhaps_spent = self._lease.perhaps_spent
        return everybody._too_dear(ticket)

    async def _keep_renewing(self) -> None:
        """Report and take leases until there is nothing to do, and nothing is held."""
        while True:
            report = self._report()
            self._soon.clear()
            lease = await self._renew(report)
            self._take_over(lease)
            if not report.demand and not self._waiting:
                return
            await asyncio.sleep(GAP_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, lease.again_s - GAP_S)):
                    await self._soon.wait()

    def _renewed_no_more(self, renewing: asyncio.Task[None]) -> None:
        """Let those that wait go where there will be no lease any more."""
        if not renewing.cancelled() and (error := renewing.exception()) is not None:
            for waiting in self._waiting:
                if not waiting.admitted.done():
                    waiting.admitted.set_exception(error)
            self._waiting.clear()

    def _report(self) -> Report:
        """Return the next report; what is left of the lease is given back with it."""
        self._requests_left = None if self._requests_left is None else 0.0
        self._tokens_left = None if self._tokens_left is None else 0.0
        self._money_left = None if self._money_left is None else 0.0
        tickets = [waiting.ticket for waiting in self._waiting if not waiting.admitted.done()]
        first = tickets[0] if tickets else None
        return Report(
            self._worker,
            requests=self._sent,
            tokens=self._tokens_taken,
            spent=self.spent,
            perhaps_spent=self.perhaps_spent,
            answered=self._answered,
            saturated=self._saturated,
            refused=dict(self._refused),
            retry_after_s=max(0.0, self._retry_at_s - self._clock()),
            headers=self._headers,
            in_flight=self._in_flight,
            reserved=self._reserved,
            waiting=len(tickets),
            tokens_waiting=sum(ticket.tokens for ticket in tickets),
            cost_waiting=sum(ticket.cost for ticket in tickets),
            next_tokens=first.tokens if first else 0.0,
            next_cost=first.cost if first else 0.0,
        )

    def _take_over(self, lease: Lease) -> None:
        """Work by a new lease; what came back while it was on its way is added to it."""
        self._lease = lease
        self._requests_left = lease.requests
        self._tokens_left = _with(lease.tokens, self._tokens_left)
        self._money_left = _with(lease.money, self._money_left)
        self._not_before_s = self._clock() + lease.pause_s
        self._pump()


def _with(leased: float | None, meanwhile: float | None) -> float | None:
    return None if leased is None else leased + (meanwhile or 0.0)
