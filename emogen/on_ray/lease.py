"""What workers and the desk tell each other of limits: a worker's report, and the lease that it is given.

A report holds sums since the worker began, not differences: one that is sent twice, as Ray does after a failure, counts
once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["NOTHING", "Lease", "Report"]


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker has done since it began, and what it would do next.

    Attributes:
        worker: Its name.
        requests: Requests that were sent.
        tokens: What these took of the tokens a minute: estimated at first, then as it was.
        spent: Money for answers.
        perhaps_spent: Money for attempts that may have been charged unheard.
        answered: Answers that came while a place at the server was free.
        saturated: Answers that came while none was.
        refused: Limit under which a request was sent → how many of these were refused with 429.
        retry_after_s: How long the server asked to wait, of the refusals since the last report; what is left of it.
        headers: The newest answer's `x-ratelimit-...`.
        in_flight: Requests under way, until their answer is durable.
        reserved: Money reserved for these.
        waiting: Requests that wait for their turn.
        tokens_waiting: What these will take of the tokens a minute.
        cost_waiting: What these may cost at most.
        next_tokens: What the first of these will take.
        next_cost: What the first of these may cost.
    """

    worker: str
    requests: int = 0
    tokens: float = 0.0
    spent: float = 0.0
    perhaps_spent: float = 0.0
    answered: int = 0
    saturated: int = 0
    refused: Mapping[int, int] = field(default_factory=dict)
    retry_after_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    in_flight: int = 0
    reserved: float = 0.0
    waiting: int = 0
    tokens_waiting: float = 0.0
    cost_waiting: float = 0.0
    next_tokens: float = 0.0
    next_cost: float = 0.0

    @property
    def demand(self) -> int:
        """How many requests would be under way if nothing limited them."""
        return self.waiting + self.in_flight


@dataclass(frozen=True, slots=True)
class Lease:
    """What a worker may do until its next report; None is no limit.

    Attributes:
        slots: Most requests at once, from sending until the answer is durable.
        places: Most requests with the server.
        limit: How many requests of all workers may be with the server.
        requests: Requests that may be sent.
        tokens: Tokens that these may take.
        money: What may be reserved for them, beside what is in flight.
        pause_s: Nothing may be sent for so long: the server refuses all it gets, and asked for it.
        again_s: When to report again at the latest.
        exhausted: The money does not suffice for the next request, and nothing is under way that may leave some.
        spent: What all workers have spent, for the message.
        perhaps_spent: The same of what was charged unheard, perhaps.
    """

    slots: int = 0
    places: int = 0
    limit: int = 0
    requests: float | None = 0.0
    tokens: float | None = 0.0
    money: float | None = 0.0
    pause_s: float = 0.0
    again_s: float = 0.0
    exhausted: bool = False
    spent: float = 0.0
    perhaps_spent: float = 0.0


NOTHING = Lease()
