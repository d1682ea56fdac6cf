"""What the stub server answers to the n-th arrival of a request: decided by the seed and the request alone.

Nothing depends on time or on other requests, so that the least time of a run follows from the plan.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Final, Literal

__all__ = ["FAULTS", "MOST_FAULTS", "Outcome", "Plan", "Shares"]

Outcome = Literal["ok", "rate_limited", "server_error", "broken_json", "hang", "drop"]
FAULTS: Final[tuple[Outcome, ...]] = ("rate_limited", "server_error", "broken_json", "hang", "drop")
# One request never meets more in a row: otherwise a client that gives up after five attempts is punished by chance.
MOST_FAULTS: Final = 4


@dataclass(frozen=True)
class Shares:
    """How large a share of all arrivals each fault takes; the order is that of `FAULTS`."""

    rate_limited: float = 0.0
    server_error: float = 0.0
    broken_json: float = 0.0
    hang: float = 0.0
    drop: float = 0.0

    def __post_init__(self) -> None:
        shares = astuple(self)
        if min(shares) < 0 or sum(shares) > 1:
            raise ValueError(f"shares of faults are from 0 to 1 and at most 1 in all, not {shares}")


@dataclass(frozen=True)
class Plan:
    """A seeded plan.

    Attributes:
        seed: Another seed, other faults at other requests.
        shares: See `Shares`.
        latency_ms: How long an answer takes on average, a faulty one too; a 429 comes at once, a hang never ends.
        jitter: How far the latency of single requests lies from it, as a share of it. Without any, the requests
            of all slots keep step.
        retry_after_s: What a 429 asks to wait, in whole seconds, as the header wants them.
    """

    seed: int = 0
    shares: Shares = Shares()
    latency_ms: float = 50.0
    retry_after_s: int = 1
    jitter: float = 0.0

    def outcome(self, key: str, arrival: int) -> Outcome:
        """Return what happens to request `key` when it arrives for the n-th time, from 0."""
        if arrival >= MOST_FAULTS:
            return "ok"
        place = self._draw(f"{key}:{arrival}")
        for fault, share in zip(FAULTS, astuple(self.shares), strict=True):
            if place < share:
                return fault
            place -= share
        return "ok"

    def latency_s(self, key: str) -> float:
        """Return how long an answer to request `key` takes, in seconds."""
        away = self.jitter * (2 * self._draw(key) - 1) if self.jitter else 0.0
        return self.latency_ms / 1000 * (1 + away)

    def _draw(self, text: str) -> float:
        """Return a number from 0 to below 1 that the seed and `text` decide."""
        digest = hashlib.blake2b(f"{self.seed}:{text}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64

    def course(self, key: str) -> Iterator[Outcome]:
        """Yield what happens to request `key`, arrival by arrival, up to its answer."""
        for arrival in range(MOST_FAULTS + 1):
            outcome = self.outcome(key, arrival)
            yield outcome
            if outcome == "ok":
                return
