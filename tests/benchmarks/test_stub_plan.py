from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import pytest

from benchmarks.generation.plan import FAULTS, MOST_FAULTS, Plan, Shares

SHARES = Shares(rate_limited=0.10, server_error=0.05, broken_json=0.05, hang=0.01, drop=0.02)
KEYS = [f"{number:024x}" for number in range(20_000)]


def test_same_seed_same_plan() -> None:
    """A request's n-th arrival meets the same outcome in every run with the same seed, and others with another."""
    courses = [[tuple(Plan(seed, SHARES).course(key)) for key in KEYS[:500]] for seed in (3, 3, 4)]
    assert courses[0] == courses[1]
    assert courses[0] != courses[2]


@pytest.mark.parametrize("arrival", [0, 1])
def test_stated_shares(arrival: int) -> None:
    """Each fault takes its stated share, on first arrivals and on repeats alike."""
    plan = Plan(7, SHARES)
    counts = Counter(plan.outcome(key, arrival) for key in KEYS)
    for fault in FAULTS:
        assert counts[fault] / len(KEYS) == pytest.approx(asdict(SHARES)[fault], abs=0.006)


def test_every_course_ends_in_an_answer() -> None:
    """Even where every arrival should fail, a request is answered after a few faults."""
    plan = Plan(shares=Shares(server_error=1.0))
    assert list(plan.course("ab")) == ["server_error"] * MOST_FAULTS + ["ok"]


def test_jitter_keeps_the_average() -> None:
    """With jitter single latencies differ by at most its share, each request keeps its own, and the average stays."""
    plan = Plan(latency_ms=50.0, jitter=0.5)
    seconds = [plan.latency_s(key) for key in KEYS[:2000]]
    assert seconds == [plan.latency_s(key) for key in KEYS[:2000]]
    assert 0.025 <= min(seconds) < 0.03 < 0.07 < max(seconds) < 0.075
    assert sum(seconds) / len(seconds) == pytest.approx(0.05, rel=0.02)


def test_impossible_shares() -> None:
    """Shares beyond the whole are refused."""
    with pytest.raises(ValueError, match="at most 1"):
        Shares(hang=0.6, drop=0.6)
