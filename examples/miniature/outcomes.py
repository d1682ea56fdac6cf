"""What each arm answered, sorted into the tests, and how sure one can be of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from emovit_train.evaluation.metrics import macro_f1
from emovit_train.evaluation.statistics import interval
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


@dataclass(frozen=True)
class Outcome:
    """One drawing as one arm saw it.

    Attributes:
        place: Fold and drawing.
        test: `A`, `B`, `C`, or `val`.
        code: The emoji.
        label: Its strongest emotion by people's scores.
        said: The label that came first.
        near_tie: Whether a second emotion is as strong.
    """

    place: str
    test: str
    code: str
    label: str
    said: str
    near_tie: bool

    @property
    def right(self) -> bool:
        """Whether the label is people's strongest."""
        return self.said == self.label


def outcome(
    number: int, fold: Fold, image: str, label: str, said: str, near_ties: frozenset[str]
) -> Outcome | None:
    """Return the outcome for a drawing in a fold, by its number; None where it belongs to no test."""
    test, code = test_of(fold, image), style_and_code(image)[1]
    return None if test is None else Outcome(f"{number} {image}", test, code, label, said, code in near_ties)


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
    labels, said = [each.label for each in outcomes], [each.said for each in outcomes]
    hits = [float(each.right) for each in outcomes]
    low, high = interval(hits, units=[each.code for each in outcomes])
    return Score(len(outcomes), sum(hits) / len(hits), low, high, macro_f1(labels, said))


def difference(first: Sequence[Outcome], second: Sequence[Outcome]) -> tuple[float, float, float] | None:
    """Return by how much the second arm's accuracy is higher, drawing by drawing, and the 95% interval.

    Args:
        first: Outcomes of an arm, with one seed or more.
        second: Of another.

    Returns:
        None where no drawing of a fold was seen by both.
    """
    before: dict[str, list[bool]] = {}
    for each in first:
        before.setdefault(each.place, []).append(each.right)
    both = [each for each in second if each.place in before]
    if not both:
        return None
    gains = [each.right - fmean(before[each.place]) for each in both]
    low, high = interval(gains, units=[each.code for each in both])
    return fmean(gains), low, high
