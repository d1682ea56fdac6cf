"""Accuracy, macro-F1 and the two baselines that they must be read against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

__all__ = ["accuracy", "macro_f1", "majority_share"]


def accuracy(true: Sequence[str], predicted: Sequence[str]) -> float:
    """Return the share of equal pairs, 0 to 1."""
    return sum(t == p for t, p in zip(true, predicted, strict=True)) / len(true)


def macro_f1(true: Sequence[str], predicted: Sequence[str]) -> float:
    """Return the mean F1 over every label that is true or predicted at least once, 0 to 1.

    This is `sklearn.metrics.f1_score(average="macro", zero_division=0)`.
    """
    wanted, given = Counter(true), Counter(predicted)
    hits = Counter(t for t, p in zip(true, predicted, strict=True) if t == p)
    # F1 = 2 hits / (true + predicted); no label of this set has an empty denominator.
    scores = [2 * hits[label] / (wanted[label] + given[label]) for label in wanted.keys() | given.keys()]
    return sum(sorted(scores)) / len(scores)


def majority_share(true: Sequence[str]) -> float:
    """Return the accuracy of always answering the most frequent label of these very records, 0 to 1."""
    return max(Counter(true).values()) / len(true)
