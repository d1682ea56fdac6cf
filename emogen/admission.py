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
from dataclasses import dataclass, field
from typing import Final

from emogen.capacity import Capacity
from emogen.errors import EmovitError, InputError

__all__ = ["Admission", "CostLimitError", "Limits", "Ticket"]

# A bucket holds the allowance of so many seconds: enough for a burst, too little to exhaust a minute at once.
BURST_S: Final = 5.0
ROUNDING: Final = 1e-9


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


@dataclass
class _Bucket:
    """A token bucket: `per_minute` flow in evenly, up to the allowance of a burst."""

    per_minute: float
    now_s: float
    level: float = field(init=False)

    def __post_init__(self) -> None:
        self.level = self.capacity

    @property
    def capacity(self) -> float:
        return max(1.0, self.per_minute * BURST_S / 60)

    def wait_s(self, amount: float, now_s: float) -> float:
        """Return the seconds until `amount` may be taken; 0 if now."""
        self.level = min(self.capacity, self.level + (now_s - self.now_s) * self.per_minute / 60)
        self.now_s = now_s
        # More than the bucket holds is let through once it is full, and owed afterwards.
        missing = min(amount, self.capacity) - self.level
        return missing * 60 / self.per_minute if missing > ROUNDING else 0.0

    def take(self, amount: float) -> None:
        self.level -= amount


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
        now_s = clock()
        self._requests = _bucket(limits.requests_per_minute, now_s)
        self._tokens = _bucket(limits.tokens_per_minute, now_s)

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
        if self._tokens is not None:
            self._tokens.take(tokens - ticket.tokens)
        self.spent += cost
        self.leave(ticket)

    def refused_by_server(self, ticket: Ticket) -> None:
        """Close the ticket of a request that was answered with 429: the slot is free while it waits."""
        self.refused += 1
        if self._tokens is not None:
            self._tokens.take(-ticket.tokens)
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
        """Take over the limits that the server's headers state, where the user set none.

        Limits that are absent, negative, zero or no number mean that the server does not say.
        """
        if not headers:
            return
        if self._limits.requests_per_minute is None:
            self._requests = self._learnt(self._requests, headers, "requests")
        if self._limits.tokens_per_minute is None:
            self._tokens = self._learnt(self._tokens, headers, "tokens")

    def _learnt(self, bucket: _Bucket | None, headers: Mapping[str, str], what: str) -> _Bucket | None:
        per_minute = _number(headers, f"limit-{what}")
        if per_minute is None or per_minute <= 0:
            return bucket
        if bucket is None:
            bucket = _Bucket(per_minute, self._clock())
        bucket.per_minute = per_minute
        remaining = _number(headers, f"remaining-{what}")
        if remaining is not None and remaining >= 0:
            # Others may use the same key.
            bucket.level = min(bucket.level, remaining)
        return bucket

    def _pump(self) -> None:
        """Admit as many as may go, and come back when the next one may."""
        while self._waiting and self._has_room():
            first = self._waiting[0]
            if first.admitted.done():  # Cancelled, and its task does not know yet.
                self._waiting.popleft()
                continue
            if self._too_dear(first):
                if self._in_flight:
                    # What is in flight mostly takes less than what was reserved for it.
                    return
                self._refuse(first)
                continue
            wait_s = self._wait_s(first.ticket)
            if wait_s > 0:
                self._come_back(wait_s)
                return
            self._waiting.popleft()
            for bucket, amount in ((self._requests, 1.0), (self._tokens, first.ticket.tokens)):
                if bucket is not None:
                    bucket.take(amount)
            self._in_flight += 1
            self._at_server += 1
            self._reserved += first.ticket.cost
            first.ticket.limit = self.limit
            first.admitted.set_result(None)

    def _has_room(self) -> bool:
        return self._in_flight < self._limits.in_flight and self._at_server < self._capacity.limit

    def _too_dear(self, waiting: _Waiting) -> bool:
        most = self._limits.max_cost
        taken = self.spent + self.perhaps_spent + self._reserved
        return most is not None and taken + waiting.ticket.cost > most

    def _refuse(self, waiting: _Waiting) -> None:
        self._waiting.popleft()
        waiting.admitted.set_exception(
            CostLimitError(
                f"the next request may cost {waiting.ticket.cost:.4f}, and of {self._limits.max_cost:g} "
                f"are spent {self.spent:.4f}"
                + (f" and perhaps {self.perhaps_spent:.4f} more" if self.perhaps_spent else ""),
                where="--max-cost",
                remedy="Raise it and run the same command again: what is paid for is kept.",
            )
        )

    def _wait_s(self, ticket: Ticket) -> float:
        now_s = self._clock()
        waits = [0.0]
        if self._requests is not None:
            waits.append(self._requests.wait_s(1.0, now_s))
        if self._tokens is not None:
            waits.append(self._tokens.wait_s(ticket.tokens, now_s))
        return max(waits)

    def _come_back(self, wait_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._pump)


def _bucket(per_minute: float | None, now_s: float) -> _Bucket | None:
    return None if per_minute is None else _Bucket(per_minute, now_s)


def _number(headers: Mapping[str, str], name: str) -> float | None:
    text = headers.get(f"x-ratelimit-{name}", "")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
