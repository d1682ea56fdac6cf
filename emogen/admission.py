"""When a request may be sent: so many a minute, so many tokens a minute, so many at once, for so much money.

The limits a minute are token buckets, from the user's flags or learnt from the server's headers. Two numbers are kept
apart: a request holds a slot, of `--in-flight`, until its answer is committed, so that a kill loses no more than these;
with the server it is only until its reply, and `capacity` finds out how many of those the server takes.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from emogen.allowance import Allowance
from emogen.capacity import Capacity
from emogen.errors import EmovitError, InputError

__all__ = ["Admission", "CostLimitError", "Limits", "Ticket", "Verdict"]

Verdict = Literal["go", "wait", "refuse"]


class CostLimitError(EmovitError):
    """The next request might cost more than is left; nothing was sent."""


@dataclass(frozen=True)
class Limits:
    """What the user allows; None is no limit.

    Attributes:
        requests_per_minute: Requests a minute.
        tokens_per_minute: Tokens a minute, prompt and answer together.
        in_flight: Most requests at once, from sending until the answer is committed.
        max_cost: Most money, in the currency of the prices.
    """

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    in_flight: int = 64
    max_cost: float | None = None

    def __post_init__(self) -> None:
        for name in ("requests_per_minute", "tokens_per_minute", "in_flight"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"not above 0: {value}", where=f"--{name.replace('_', '-')}")


@dataclass(slots=True)
class Ticket:
    """The right to one request, with what was reserved for it."""

    tokens: float
    cost: float
    limit: int = 0
    replied: bool = False


@dataclass(slots=True)
class _Waiting:
    ticket: Ticket
    admitted: asyncio.Future[None]


class Admission:
    """The gate that all requests of a run pass through: what is sent again first, then first come, first served.

    Args:
        limits: What the user allows.
        spent: Money that the run has cost already, when it is resumed.
        clock: Seconds that go on as the event loop's do.

    Attributes:
        spent: Money for the answers that came, in the currency of the prices.
        perhaps_spent: Money for attempts of this process that may have been answered, and charged, unheard; it counts
            towards the limit.
        refused: How many requests the server refused with 429.
    """

    def __init__(
        self, limits: Limits, spent: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self.spent = spent
        self.perhaps_spent = 0.0
        self.refused = 0
        self._reserved = 0.0
        self._in_flight = 0
        self._at_server = 0
        self._capacity = Capacity(limits.in_flight)
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._allowance = Allowance(limits.requests_per_minute, limits.tokens_per_minute, clock())

    @property
    def limit(self) -> int:
        """How many requests may be with the server now."""
        return self._capacity.limit

    async def enter(self, tokens: float, cost: float = 0.0, *, again: bool = False) -> Ticket:
        """Wait until a request of about `tokens` may be sent, and reserve its tokens and its money.

        What is sent again goes before what is new: rows that need several attempts would otherwise be the last.

        Raises:
            CostLimitError: its cost might exceed what is left of `max_cost` once nothing is in flight.
        """
        ticket = Ticket(tokens, cost)
        waiting = _Waiting(ticket, asyncio.get_running_loop().create_future())
        if again:
            self._waiting.appendleft(waiting)
        else:
            self._waiting.append(waiting)
        self._pump()
        try:
            await waiting.admitted
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                # It may have been the one that the others waited behind.
                self._pump()
            elif not waiting.admitted.cancelled() and waiting.admitted.exception() is None:
                self.leave(ticket)
            raise
        return ticket

    def answered(self, ticket: Ticket) -> None:
        """Note that the answer is there: the server has room for another; the slot is held until `succeeded`."""
        saturated = bool(self._waiting) and self._at_server >= self._capacity.limit
        self._reply(ticket)
        self._capacity.accepted(saturated=saturated)
        self._pump()

    def succeeded(self, ticket: Ticket, tokens: float, cost: float) -> None:
        """Close an answered ticket with what the request really took; the rest of the reserve is given back."""
        self._allowance.take(0.0, tokens - ticket.tokens)
        self.spent += cost
        self.leave(ticket)

    def refused_by_server(self, ticket: Ticket, retry_after_s: float | None = None) -> None:
        """Close the ticket of a request that was answered with 429: the slot is free while it waits.

        Args:
            ticket: Of the request.
            retry_after_s: How long the server asks to wait, where it says so; that request does.
        """
        self.refused += 1
        self._allowance.take(0.0, -ticket.tokens)
        self._capacity.refused(ticket.limit)
        self.leave(ticket)

    def leave(self, ticket: Ticket) -> None:
        """Free the slot of a request and what was reserved for it."""
        self._reply(ticket)
        self._in_flight -= 1
        # Nothing in flight has nothing reserved, whatever rounding says.
        self._reserved = self._reserved - ticket.cost if self._in_flight else 0.0
        self._pump()

    def _reply(self, ticket: Ticket) -> None:
        """Count a request as being with the server no longer."""
        if not ticket.replied:
            ticket.replied = True
            self._at_server -= 1

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over the limits that the server's headers state, where the user set none."""
        self._allowance.learn(headers, self._clock())

    def _pump(self) -> None:
        """Admit as many as may go, and come back when the next one may."""
        while self._waiting and self._has_room():
            first = self._waiting[0]
            if first.admitted.done():  # Cancelled, and its task does not know yet.
                self._waiting.popleft()
                continue
            verdict = self._verdict(first.ticket)
            if verdict == "wait":
                return
            self._waiting.popleft()
            if verdict == "refuse":
                first.admitted.set_exception(self._too_dear(first.ticket))
                continue
            self._reserve(first.ticket)
            first.admitted.set_result(None)

    def _has_room(self) -> bool:
        return self._in_flight < self._limits.in_flight and self._at_server < self._capacity.limit

    def _verdict(self, ticket: Ticket) -> Verdict:
        """Say whether a request may be sent now; where it has to wait, see to it that it is looked at again."""
        most = self._limits.max_cost
        if most is not None and self.spent + self.perhaps_spent + self._reserved + ticket.cost > most:
            # What is in flight mostly takes less than what was reserved for it.
            return "wait" if self._in_flight else "refuse"
        wait_s = self._allowance.wait_s(ticket.tokens, self._clock())
        if wait_s > 0:
            self._come_back(wait_s)
            return "wait"
        return "go"

    def _reserve(self, ticket: Ticket) -> None:
        """Take what a request needs."""
        self._allowance.take(1.0, ticket.tokens)
        self._in_flight += 1
        self._at_server += 1
        self._reserved += ticket.cost
        ticket.limit = self.limit

    def _too_dear(self, ticket: Ticket) -> CostLimitError:
        return CostLimitError(
            f"the next request may cost {ticket.cost:.4f}, and of {self._limits.max_cost:g} "
            f"are spent {self.spent:.4f}"
            + (f" and perhaps {self.perhaps_spent:.4f} more" if self.perhaps_spent else ""),
            where="--max-cost",
            remedy="Raise it and run the same command again: what is paid for is kept.",
        )

    def _come_back(self, wait_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._pump)
