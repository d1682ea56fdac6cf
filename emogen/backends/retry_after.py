"""How long a server that refuses asks to wait, in all the forms in which servers say it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["retry_after_s"]

MAX_WAIT_S: Final = 60.0

# "250ms", "1s", "6m0s", "1h2m3.5s", as `x-ratelimit-reset-*` has it.
_UNIT_S: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_DURATION: Final = re.compile(rf"(?:{_DURATION_PART.pattern})+")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how long the server asks to wait, in seconds; None where it does not say.

    Args:
        headers: Of its reply, names in lower case.
    """
    wait_s = _number(headers.get("retry-after-ms")) / 1000 or _number(headers.get("retry-after"))
    if not wait_s and "retry-after" in headers:
        wait_s = _seconds_until(headers["retry-after"])
    if "retry-after-ms" not in headers and "retry-after" not in headers:
        wait_s = max(_reset_s(headers, "requests"), _reset_s(headers, "tokens"))
    return min(wait_s, MAX_WAIT_S) if wait_s > 0 else None


def _reset_s(headers: Mapping[str, str], what: str) -> float:
    """Return after how many seconds there are requests or tokens again: 0 if there are, or nothing is said."""
    if headers.get(f"x-ratelimit-remaining-{what}", "").strip() != "0":
        return 0.0
    reset = headers.get(f"x-ratelimit-reset-{what}", "").strip()
    if not _DURATION.fullmatch(reset):
        return _number(reset)
    return sum(float(number) * _UNIT_S[unit] for number, unit in _DURATION_PART.findall(reset))


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _seconds_until(date: str) -> float:
    try:
        when = parsedate_to_datetime(date)
        return (when.replace(tzinfo=when.tzinfo or dt.UTC) - dt.datetime.now(dt.UTC)).total_seconds()
    except (ValueError, OverflowError):
        return 0.0
