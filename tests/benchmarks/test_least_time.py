from __future__ import annotations

import pytest

from benchmarks.generation.least_time import Step, bound_s, in_order_s, steps
from benchmarks.generation.plan import MOST_FAULTS, Plan, Shares

OK = Step(1.0)
# Two slots. 0-1: rows 0 and 1. Row 1 failed: 1-2: its repeat and row 2. Row 2 is refused at once until 4, which
# lets row 3 begin at 1. 2-3: nothing is left but row 2, which comes back at 1 + 3 = 4 and is answered at 5.
TINY = [(OK,), (OK, OK), (Step(0.0, 3.0), OK), (OK,)]


def test_tiny_plan_by_hand() -> None:
    """The ideal client's time is as found by hand: refused rows rest without a slot, failed ones repeat at once."""
    assert in_order_s(TINY, 2) == 5.0


def test_foresight_by_hand() -> None:
    """With foresight the refused row goes first, so that its course of four seconds is the bound."""
    assert bound_s(TINY, 2) == 4.0
    assert bound_s([(OK,)] * 10, 2) == 5.0


@pytest.mark.parametrize("in_flight", [1, 3, 64])
def test_without_faults(in_flight: int) -> None:
    """Without faults both times are the number of rounds times the latency."""
    rows = [(OK,)] * (4 * in_flight)
    assert bound_s(rows, in_flight) == in_order_s(rows, in_flight) == 4.0


def test_hang_at_the_end() -> None:
    """A client that cannot see the future pays a hang of the last row in full; one with foresight begins with it."""
    rows = [(OK,)] * 4 + [(Step(5.0), OK)]
    assert in_order_s(rows, 2) == 8.0
    assert bound_s(rows, 2) == 6.0


def test_steps_of_a_plan() -> None:
    """A hang holds its slot until the client's time-out, a 429 holds none and rests, an error takes the latency."""
    latency = Step(0.05)
    for fault, step in (("hang", Step(5.0)), ("rate_limited", Step(0.0, 2.0)), ("server_error", latency)):
        plan = Plan(shares=Shares(**{fault: 1.0}), latency_ms=50.0, retry_after_s=2)
        assert steps(plan, "ab", timeout_s=5.0) == (step,) * MOST_FAULTS + (latency,)
