"""What a row costs: marginal CPU, start-up, and memory, for both clients alternately."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.generation.bench import Bench, Run

__all__ = ["marginal_cpu", "peak_memory", "start_up"]


def marginal_cpu(bench: Bench, small: int, large: int, repeats: int) -> dict[str, Any]:
    """Measure the CPU of one more row: the difference of two sizes, so that the start does not count."""
    per_row: dict[str, list[float]] = {"emogen": [], "bare": []}
    wall_s: dict[str, list[float]] = {"emogen": [], "bare": []}
    missing = 0
    for _ in range(repeats):
        for name, client in _clients(bench):
            few, many = client(small), client(large)
            per_row[name].append(1000 * (many.took.cpu_s - few.took.cpu_s) / (large - small))
            wall_s[name].append(many.took.wall_s)
            missing += small + large - few.rows - many.rows
    result: dict[str, Any] = {
        name: {
            "cpu_ms_per_row": round(median(values), 4),
            "each": [round(value, 4) for value in values],
            "wall_s": round(median(wall_s[name]), 3),
        }
        for name, values in per_row.items()
    }
    ratio = result["emogen"]["cpu_ms_per_row"] / result["bare"]["cpu_ms_per_row"]
    ideal_s = large / bench.in_flight * bench.latency_ms / 1000
    return {
        **result,
        "rows": [small, large],
        "missing": missing,
        "ratio": round(ratio, 2),
        "ideal_s": ideal_s,
    }


def start_up(bench: Bench, repeats: int) -> dict[str, Any]:
    """Measure the CPU and the time of a run over one row."""
    runs: dict[str, list[Run]] = {"emogen": [], "bare": []}
    for _ in range(repeats):
        for name, client in _clients(bench):
            runs[name].append(client(1))
    return {
        name: {
            "cpu_s": round(median(run.took.cpu_s for run in done), 3),
            "wall_s": round(median(run.took.wall_s for run in done), 3),
            "peak_mb": round(median(run.took.peak_mb for run in done), 1),
        }
        for name, done in runs.items()
    }


def peak_memory(bench: Bench, sizes: list[int]) -> dict[str, Any]:
    """Measure the peak memory at each size, and its growth from the first to the last."""
    result: dict[str, Any] = {"rows": sizes, "missing": 0}
    for name, client in _clients(bench):
        peaks = []
        for size in sizes:
            run = client(size)
            peaks.append(run.took.peak_mb)
            result["missing"] += size - run.rows
        growth_kb = 1024 * (peaks[-1] - peaks[0]) / (sizes[-1] - sizes[0])
        result[name] = {
            "peak_mb": [round(peak, 1) for peak in peaks],
            "growth_kb_per_row": round(growth_kb, 3),
        }
    return result


def _clients(bench: Bench) -> tuple[tuple[str, Callable[[int], Run]], ...]:
    return (("emogen", bench.emogen), ("bare", bench.bare))
