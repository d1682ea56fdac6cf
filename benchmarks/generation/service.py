"""What a stub server holds and counts: its capacity, its allowance a minute, the plan, and who asked what how often."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from benchmarks.generation.plan import Outcome, Plan

__all__ = ["Limits", "Refusal", "Service"]

Refusal = Literal["full", "too_fast"]
# A repeat that comes so little before its time is the clock's fault, not the client's.
EARLY_TOLERANCE_S: Final = 0.02


@dataclass(frozen=True)
class Limits:
    """What the server can take; None is no limit.

    Attributes:
        capacity: Most requests at once; one more is answered with 429.
        requests_per_minute: Flow of a bucket.
        burst_s: The bucket holds the allowance of so many seconds.
    """

    capacity: int | None = None
    requests_per_minute: float | None = None
    burst_s: float = 60.0


@dataclass
class Service:
    """Decides and counts, without a socket.

    Attributes:
        plan: See `Plan`.
        limits: See `Limits`.
        arrivals: Request → how often it was let in; in the order of first arrivals.
        paid: Request → how many answers were made for it. An answer whose client has gone counts: a provider
            asks money for it.
        outcomes: Outcome or refusal → how often.
    """

    plan: Plan
    limits: Limits = Limits()
    arrivals: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    peak_in_flight: int = 0
    too_early: int = 0
    first_arrival_s: float | None = None
    last_answer_s: float | None = None
    _not_before_s: dict[str, float] = field(default_factory=dict)
    _level: float | None = None
    _level_at_s: float = 0.0

    def arrive(self, key: str) -> Outcome | Refusal:
        """Let request `key` in, or refuse it; whoever is let in has to `leave`."""
        now_s = time.monotonic()
        self.first_arrival_s = now_s if self.first_arrival_s is None else self.first_arrival_s
        refusal = self._refusal(now_s)
        if refusal is not None:
            self.outcomes[refusal] += 1
            return refusal
        self.too_early += now_s < self._not_before_s.pop(key, now_s) - EARLY_TOLERANCE_S
        outcome = self.plan.outcome(key, self.arrivals[key])
        self.arrivals[key] += 1
        self.outcomes[outcome] += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        if outcome == "ok":
            self.paid[key] += 1
        elif outcome == "rate_limited":
            self._not_before_s[key] = now_s + self.plan.retry_after_s
        return outcome

    def leave(self, *, answered: bool) -> None:
        """Free the place of a request that was answered, or whose client has gone."""
        self.in_flight -= 1
        if answered:
            self.last_answer_s = time.monotonic()

    def stats(self) -> dict[str, Any]:
        """Return all counts."""
        refused = self.outcomes["rate_limited"] + self.outcomes["full"] + self.outcomes["too_fast"]
        span_s = (self.last_answer_s or 0.0) - (self.first_arrival_s or 0.0)
        return {
            "requests": self.outcomes.total(),
            "refused_429": refused,
            "outcomes": dict(self.outcomes),
            "too_early": self.too_early,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
            "answers_paid": self.paid.total(),
            "paid_twice": sum(times - 1 for times in self.paid.values()),
            "span_s": max(0.0, span_s),
            "server_cpu_s": time.process_time(),
            "arrivals": dict(self.arrivals),
            "paid": dict(self.paid),
        }

    def _refusal(self, now_s: float) -> Refusal | None:
        if self.limits.capacity is not None and self.in_flight >= self.limits.capacity:
            return "full"
        per_minute = self.limits.requests_per_minute
        if per_minute is None:
            return None
        most = per_minute * self.limits.burst_s / 60
        level = most if self._level is None else self._level
        level = min(most, level + (now_s - self._level_at_s) * per_minute / 60)
        self._level_at_s = now_s
        self._level = level - 1 if level >= 1 else level
        return None if level >= 1 else "too_fast"
