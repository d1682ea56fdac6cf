"""Intervals, calibration, comparison of two models, and stability over instructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan, sqrt
from typing import Any, Final

from emogen.registry import require

__all__ = ["calibration_error", "flip_rate", "interval", "mcnemar", "sensitivity"]

RESAMPLES: Final = 2000
BINS: Final = 15


def interval(
    values: Sequence[float], *, units: Sequence[str] | None = None, seed: int = 0
) -> tuple[float, float]:
    """Return the 95% percentile bootstrap interval of the mean (Efron 1979), by `scipy.stats.bootstrap`.

    Args:
        values: One for each image: whether it was answered rightly, or a difference of two models.
        units: What each value belongs to. Whole units are drawn, with all of their values: a thing in three drawing
            styles is one draw, not three. Without, each value is a unit.
        seed: Of the resampling.

    Returns:
        Lower and upper end; the mean twice where there is one unit alone, or where all are alike.
    """
    sums, sizes = _by_unit(values, units)
    mean = sum(sums) / sum(sizes)
    if len({total / size for total, size in zip(sums, sizes, strict=True)}) == 1:
        # Resampling units of equal means gives back that mean alone.
        return mean, mean
    found = _scipy_stats().bootstrap(
        (sums, sizes),
        lambda drawn, drawn_sizes, axis: drawn.sum(axis=axis) / drawn_sizes.sum(axis=axis),
        paired=True,
        n_resamples=RESAMPLES,
        batch=100,
        method="percentile",
        rng=seed,
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _by_unit(values: Sequence[float], units: Sequence[str] | None) -> tuple[list[float], list[float]]:
    """Return the sum of each unit's values, and how many they are."""
    if units is None:
        return [float(value) for value in values], [1.0] * len(values)
    sums: dict[str, float] = {}
    sizes: dict[str, float] = {}
    for value, unit in zip(values, units, strict=True):
        sums[unit] = sums.get(unit, 0.0) + value
        sizes[unit] = sizes.get(unit, 0.0) + 1
    return list(sums.values()), list(sizes.values())


def calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Return the expected calibration error of the chosen labels, in 15 equal bins of confidence, 0 to 1.

    Guo et al. (ICML 2017), equation 3, with their number of bins.
    """
    gaps = [confidence - hit for confidence, hit in zip(confidences, right, strict=True)]
    sums = _scipy_stats().binned_statistic(confidences, gaps, "sum", bins=BINS, range=(0, 1)).statistic
    return float(abs(sums).sum() / len(gaps))


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> tuple[int, int, float]:
    """Compare two models on the same items by McNemar's exact test: a sign test on those that one alone has right.

    McNemar (1947); the two-sided p-value is `scipy.stats.binomtest`'s.

    Returns:
        Items that only the first has right, that only the second has, and the two-sided p-value.
    """
    pairs = list(zip(first, second, strict=True))
    only_first, only_second = pairs.count((True, False)), pairs.count((False, True))
    different = only_first + only_second
    p = _scipy_stats().binomtest(only_first, different, 0.5).pvalue if different else 1.0
    return only_first, only_second, float(p)


def sensitivity(scores: Mapping[str, Sequence[float]], *, sample: bool = False) -> float:
    """Return the paper's Equation 3: standard deviation over mean of a task's scores, averaged over tasks.

    Args:
        scores: Task → the score under each instruction, at least two.
        sample: Divide by n - 1 instead of n; the source does not say which is meant.

    Returns:
        NaN, not 0, where a task's mean is 0 or it has one score alone.
    """
    return sum(_variation(task, sample) for task in scores.values()) / len(scores) if scores else nan


def _variation(values: Sequence[float], sample: bool) -> float:
    mean = sum(values) / len(values)
    if len(values) < 2 or mean == 0:
        return nan
    return sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - sample)) / mean


def flip_rate(answers: Sequence[Sequence[str]]) -> float:
    """Return the share of items whose label is not the same under every instruction.

    Args:
        answers: For each item the labels under each instruction.
    """
    return sum(len(set(item)) > 1 for item in answers) / len(answers)


def _scipy_stats() -> Any:
    return require("scipy.stats", extra="evaluate", purpose="Scoring")
