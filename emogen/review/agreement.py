"""How far reviewers agree about the samples that two of them decided about."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from emogen.registry import require
from emogen.reviews import DECISIONS, Decision, Key, Reviews

__all__ = ["ALL", "Agreement", "Disagreement", "Pair", "agreement_of"]

ALL: Final = "all types"
KEPT: Final = "kept"


@dataclass(frozen=True)
class Agreement:
    """How far two reviewers agree about the samples of one instruction type.

    Attributes:
        instruction: The type, or `ALL`.
        samples: How many samples both decided about.
        agreed: The share of these on which they decided the same (accept, reject, edit), 0 to 1.
        kappa: Cohen's kappa of these decisions, -1 to 1; None where both only ever said the same one thing, of which
            nothing follows.
        kept_agreed: The share on which they agree whether it is kept: an edit keeps it, too.
        kept_kappa: Cohen's kappa of that.
    """

    instruction: str
    samples: int
    agreed: float
    kappa: float | None
    kept_agreed: float
    kept_kappa: float | None


@dataclass(frozen=True)
class Disagreement:
    """A sample on which two reviewers decided differently, with what each decided and why."""

    record_id: str
    instruction: str
    decisions: tuple[Decision, Decision]
    why: tuple[str, str]


@dataclass(frozen=True)
class Pair:
    """Two reviewers.

    Attributes:
        reviewers: Their names.
        by_type: Their agreement for each instruction type, and for all where there are several.
        confusion: (decision of the first, of the second) → samples.
        disagreements: Where they decided differently.
    """

    reviewers: tuple[str, str]
    by_type: Sequence[Agreement]
    confusion: Counter[tuple[Decision, Decision]]
    disagreements: Sequence[Disagreement]

    def as_json(self) -> dict[str, Any]:
        """Return what can be written as JSON."""
        return {
            "reviewers": self.reviewers,
            "agreement": [vars(row) for row in self.by_type],
            "confusion": {
                first: {second: self.confusion[first, second] for second in DECISIONS} for first in DECISIONS
            },
            "disagreements": [vars(row) for row in self.disagreements],
        }


def agreement_of(reviews: Reviews) -> list[Pair]:
    """Return the agreement of every two reviewers who decided about the same samples, which said the same to both.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    require("sklearn.metrics", extra="evaluate", purpose="The agreement of reviewers")
    pairs = (_pair(reviews, first, second) for first, second in combinations(reviews.reviewers(), 2))
    return [pair for pair in pairs if pair.by_type]


def _pair(reviews: Reviews, first: str, second: str) -> Pair:
    both: dict[Key, tuple[Decision, Decision]] = {}
    disagreements: list[Disagreement] = []
    for key, made in reviews.samples():
        one, other = made.get(first), made.get(second)
        if one is None or other is None or one.said_sha256 != other.said_sha256:
            continue
        assert one.decision != "none"
        assert other.decision != "none"
        both[key] = one.decision, other.decision
        if one.decision != other.decision:
            why = tuple(" ".join(filter(None, (review.reason, review.note))) for review in (one, other))
            disagreements.append(Disagreement(*key, both[key], (why[0], why[1])))
    types = sorted({instruction for _, instruction in both})
    rows = [
        _row(name, [decisions for (_, instruction), decisions in both.items() if instruction == name])
        for name in types
    ]
    if len(types) > 1:
        rows.append(_row(ALL, list(both.values())))
    disagreements.sort(key=lambda row: (row.record_id, row.instruction))
    return Pair((first, second), rows, Counter(both.values()), disagreements)


def _row(instruction: str, decisions: Sequence[tuple[Decision, Decision]]) -> Agreement:
    kept = [(first != "reject", second != "reject") for first, second in decisions]
    return Agreement(
        instruction,
        len(decisions),
        _share(decisions),
        _kappa(decisions),
        _share(kept),
        _kappa(kept),
    )


def _share(pairs: Sequence[tuple[object, object]]) -> float:
    return sum(first == second for first, second in pairs) / len(pairs)


def _kappa(pairs: Sequence[tuple[Any, Any]]) -> float | None:
    from sklearn.metrics import cohen_kappa_score

    with warnings.catch_warnings():
        # It warns where kappa is undefined, and returns NaN.
        warnings.simplefilter("ignore")
        kappa = float(cohen_kappa_score(*zip(*pairs, strict=True)))
    return None if math.isnan(kappa) else kappa
