"""What each arm answered, sorted into the tests, and how sure one can be of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from examples.miniature.fold_files import test_of
from examples.miniature.folds import Fold
from examples.miniature.records import style_and_code

__all__ = ["TESTS", "Outcome", "Score", "difference", "outcome", "score"]

# Test → what it asks.
TESTS: Final = {
    "B": "learnt emoji, held-out style",
    "A": "unseen emoji, trained styles",
    "C": "unseen emoji, held-out style",
}
RESAMPLES: Final = 5000


@dataclass(frozen=True)
class Outcome:
    """One drawing as one arm saw it.

    Attributes:
        test: `A`, `B`, `C`, or `val`.
        code: The emoji.
        label: Its strongest emotion by people's scores.
        said: The label that came first.
        near_tie: Whether a second emotion is as strong.
    """

    test: str
    code: str
    label: str
    said: str
    near_tie: bool


def outcome(fold: Fold, image: str, label: str, said: str, near_ties: frozenset[str]) -> Outcome | None:
    """Return the outcome for a drawing, None where it belongs to no test."""
    test, code = test_of(fold, image), style_and_code(image)[1]
    return None if test is None else Outcome(test, code, label, said, code in near_ties)


@dataclass(frozen=True)
class Score:
    """Shares, 0 to 1; `low` and `high` bound the accuracy's 95% interval by bootstrap over emoji."""

    n: int
    accuracy: float
    low: float
    high: float
    macro_f1: float


def score(outcomes: Sequence[Outcome]) -> Score:
    """Return how well the outcomes of one arm and test did, all folds and seeds together."""
    from sklearn.metrics import f1_score

    hits, counts = _by_emoji(outcomes)
    low, high = _interval(lambda h, n: h / n, hits, counts)
    labels, said = [each.label for each in outcomes], [each.said for each in outcomes]
    macro_f1 = float(f1_score(labels, said, average="macro", zero_division=0))
    return Score(len(outcomes), sum(hits) / sum(counts), low, high, macro_f1)


def difference(first: Sequence[Outcome], second: Sequence[Outcome]) -> tuple[float, float, float]:
    """Return by how much the second arm's accuracy is higher, and the 95% interval, paired by emoji."""
    (hits, counts), (others, other_counts) = _by_emoji(first), _by_emoji(second)
    low, high = _interval(lambda a, n, b, m: b / m - a / n, hits, counts, others, other_counts)
    return sum(others) / sum(other_counts) - sum(hits) / sum(counts), low, high


def _by_emoji(outcomes: Iterable[Outcome]) -> tuple[list[int], list[int]]:
    """Return hits and drawings of each emoji: drawings of one emoji are not independent."""
    hits: dict[str, int] = {}
    counts: dict[str, int] = {}
    for each in outcomes:
        hits[each.code] = hits.get(each.code, 0) + (each.said == each.label)
        counts[each.code] = counts.get(each.code, 0) + 1
    return [hits[code] for code in sorted(hits)], [counts[code] for code in sorted(counts)]


def _interval(statistic: Callable[..., float], *columns: Sequence[int]) -> tuple[float, float]:
    from scipy.stats import bootstrap

    found = bootstrap(
        tuple(map(list, columns)),
        lambda *parts, axis: statistic(*(part.sum(axis=axis) for part in parts)),
        paired=True,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=0,
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
