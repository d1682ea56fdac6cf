"""How many requests and tokens may be sent a minute: token buckets, from the user's flags or the server's headers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["BURST_S", "Allowance", "Bucket"]

# A bucket holds the allowance of so many seconds: enough for a burst, too little to exhaust a minute at once.
BURST_S: Final = 5.0
ROUNDING: Final = 1e-9


@dataclass
class Bucket:
    """A token bucket: `per_minute` flow in evenly, up to the allowance of a burst of `burst_s` seconds."""

    per_minute: float
    now_s: float
    burst_s: float = BURST_S
    level: float = field(init=False)

    def __post_init__(self) -> None:
        self.level = self.capacity

    @property
    def capacity(self) -> float:
        """How much it holds at most."""
        return max(1.0, self.per_minute * self.burst_s / 60)

    def filled(self, now_s: float) -> float:
        """Return what is in it now; below 0 is owed."""
        self.level = min(self.capacity, self.level + (now_s - self.now_s) * self.per_minute / 60)
        self.now_s = now_s
        return self.level

    def wait_s(self, amount: float, now_s: float) -> float:
        """Return the seconds until `amount` may be taken; 0 if now."""
        # More than the bucket holds is let through once it is full, and owed afterwards.
        missing = min(amount, self.capacity) - self.filled(now_s)
        return missing * 60 / self.per_minute if missing > ROUNDING else 0.0

    def take(self, amount: float) -> None:
        """Take out `amount`, or give it back where it is negative."""
        self.level -= amount


class Allowance:
    """Requests and tokens a minute; a bucket that is None has no limit.

    Args:
        requests_per_minute: What the user allows; None leaves it to the server's headers.
        tokens_per_minute: The same for tokens.
        now_s: Seconds that go on as those of the later calls do.
        burst_s: See `Bucket`.
    """

    def __init__(
        self,
        requests_per_minute: float | None,
        tokens_per_minute: float | None,
        now_s: float,
        burst_s: float = BURST_S,
    ) -> None:
        self._given = {"requests": requests_per_minute, "tokens": tokens_per_minute}
        self._burst_s = burst_s
        self.requests = self._bucket(requests_per_minute, now_s)
        self.tokens = self._bucket(tokens_per_minute, now_s)

    def _bucket(self, per_minute: float | None, now_s: float) -> Bucket | None:
        return None if per_minute is None else Bucket(per_minute, now_s, self._burst_s)

    def wait_s(self, tokens: float, now_s: float) -> float:
        """Return the seconds until a request of so many tokens may be sent; 0 if now."""
        waits = [0.0]
        if self.requests is not None:
            waits.append(self.requests.wait_s(1.0, now_s))
        if self.tokens is not None:
            waits.append(self.tokens.wait_s(tokens, now_s))
        return max(waits)

    def take(self, requests: float, tokens: float) -> None:
        """Take out what is sent, or give back what is negative."""
        if self.requests is not None:
            self.requests.take(requests)
        if self.tokens is not None:
            self.tokens.take(tokens)

    def learn(self, headers: Mapping[str, str], now_s: float) -> None:
        """Take over the limits that the server's headers state, where the user set none.

        Limits that are absent, negative, zero or no number mean that the server does not say.
        """
        if not headers:
            return
        if self._given["requests"] is None:
            self.requests = self._learnt(self.requests, headers, "requests", now_s)
        if self._given["tokens"] is None:
            self.tokens = self._learnt(self.tokens, headers, "tokens", now_s)

    def _learnt(
        self, bucket: Bucket | None, headers: Mapping[str, str], what: str, now_s: float
    ) -> Bucket | None:
        per_minute = _number(headers, f"limit-{what}")
        if per_minute is None or per_minute <= 0:
            return bucket
        if bucket is None:
            bucket = Bucket(per_minute, now_s, self._burst_s)
        bucket.per_minute = per_minute
        remaining = _number(headers, f"remaining-{what}")
        if remaining is not None and remaining >= 0:
            # Others may use the same key.
            bucket.level = min(bucket.level, remaining)
        return bucket


def _number(headers: Mapping[str, str], name: str) -> float | None:
    text = headers.get(f"x-ratelimit-{name}", "")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
