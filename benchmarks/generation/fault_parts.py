"""How emogen stands a server that fails, and one that is full."""

from __future__ import annotations

from dataclasses import asdict
from statistics import median
from typing import Any, Final

from benchmarks.generation.bench import Bench, Run
from benchmarks.generation.least_time import bound_s, in_order_s, steps
from benchmarks.generation.plan import Plan, Shares

__all__ = ["faulty_server", "full_server"]

SHARES: Final = Shares(rate_limited=0.10, server_error=0.05, broken_json=0.05, hang=0.01)
TIMEOUT_S: Final = 5.0


def faulty_server(bench: Bench, rows: int, repeats: int) -> dict[str, Any]:
    """Run against planned faults; compare with the least time that the plan allows."""
    plan = Plan(bench.seed, SHARES, bench.latency_ms)
    faults = {name: share for name, share in asdict(SHARES).items() if share}
    runs = [
        bench.emogen(rows, f"--timeout={TIMEOUT_S:g}", retry_after=plan.retry_after_s, **faults)
        for _ in range(repeats)
    ]
    # The server saw the requests in the order in which they were first sent.
    courses = [steps(plan, key, TIMEOUT_S) for key in runs[-1].stats["arrivals"]]
    least_s = in_order_s(courses, bench.in_flight)
    wall_s = median(run.took.wall_s for run in runs)
    return {
        "rows": rows,
        "shares": faults,
        "timeout_s": TIMEOUT_S,
        "least_s": round(least_s, 3),
        "bound_s": round(bound_s(courses, bench.in_flight), 3),
        "ratio": round(wall_s / least_s, 2),
        **_outcome(runs),
    }


def full_server(bench: Bench, rows: int, capacity: int, in_flight: int, repeats: int) -> dict[str, Any]:
    """Run with more in flight than the server holds; the ideal keeps exactly its places busy."""
    runs = [bench.emogen(rows, in_flight=in_flight, capacity=capacity) for _ in range(repeats)]
    ideal_s = -(-rows // capacity) * bench.latency_ms / 1000
    wall_s = median(run.took.wall_s for run in runs)
    return {
        "rows": rows,
        "capacity": capacity,
        "in_flight": in_flight,
        "ideal_s": round(ideal_s, 3),
        "ratio": round(wall_s / ideal_s, 2),
        **_outcome(runs),
    }


def _outcome(runs: list[Run]) -> dict[str, Any]:
    return {
        "wall_s": round(median(run.took.wall_s for run in runs), 3),
        "each_s": [round(run.took.wall_s, 3) for run in runs],
        "first_arrival_to_last_answer_s": round(median(run.stats["span_s"] for run in runs), 3),
        "kept": min(run.rows for run in runs),
        "rejected": runs[-1].rejected,
        "refused_429": max(run.stats["refused_429"] for run in runs),
        "too_early": max(run.stats["too_early"] for run in runs),
        "paid_twice": max(run.stats["paid_twice"] for run in runs),
        "peak_in_flight": max(run.stats["peak_in_flight"] for run in runs),
        "outcomes": runs[-1].stats["outcomes"],
        "exit_codes": [run.took.exit_code for run in runs],
    }
