"""Divergence from people's votes, against scipy and by hand."""

from __future__ import annotations

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from emogen.errors import InputError
from emovit_train.evaluation.distributions import distribution_scores, divergence
from emovit_train.evaluation.predictions import Ranking
from tests.emovit_train.evaluation.prediction_rows import row

LABELS = ("awe", "fear", "joy")
VOTES = st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any)


def test_divergence_by_hand() -> None:
    """Votes of 3:1 and even odds: 3/4 log(3/2) + 1/4 log(1/2); none where they agree."""
    even = {"awe": -2.0, "fear": -2.0}
    assert divergence({"awe": 0.75, "fear": 0.25}, even) == pytest.approx(0.75 * log(1.5) + 0.25 * log(0.5))
    assert divergence({"awe": 3, "fear": 1}, even) == divergence({"awe": 0.75, "fear": 0.25}, even)
    assert divergence({"awe": 0.5, "fear": 0.5}, even) == pytest.approx(0)
    # The probability rounds to 0, and the divergence is what it is all the same.
    assert divergence({"awe": 1.0}, {"awe": -2000.0, "fear": 0.0}) == pytest.approx(2000)


@given(VOTES, st.lists(st.floats(-20, 0), min_size=3, max_size=3))
def test_divergence_is_scipys(votes: list[int], scores: list[float]) -> None:
    """scipy.stats.entropy of votes and probabilities, never below 0."""
    found = divergence(dict(zip(LABELS, votes, strict=True)), dict(zip(LABELS, scores, strict=True)))
    assert found >= 0
    assert found == pytest.approx(entropy(votes, [exp(score) for score in scores]), abs=1e-9)


def test_divergence_beside_its_baselines() -> None:
    """A sure and right model of two images that people agree on is at 0; even odds cost log 2, and so do mean votes."""
    rows = []
    for number, label in enumerate(("awe", "fear")):
        sums = {each: 0.0 if each == label else -50.0 for each in ("awe", "fear")}
        given = {"distribution": {label: 1.0}, "ranking": Ranking(sums=sums, means=sums)}
        # One of them has no single label: its votes count all the same.
        rows.append(row(number, label if number else None, "", **given))
    by_sum, by_mean = distribution_scores(rows)
    assert (by_sum.reading, by_mean.reading, by_sum.n) == ("sum", "mean", 2)
    assert by_sum.kl == pytest.approx(0, abs=1e-9)
    assert (by_sum.uniform, by_sum.mean_votes) == (pytest.approx(log(2)), pytest.approx(log(2)))


def test_votes_for_what_was_no_option_are_refused() -> None:
    """Seven shares cannot be compared with six options."""
    with pytest.raises(InputError, match="votes for 'neutral'"):
        divergence({"awe": 0.5, "neutral": 0.5}, {"awe": 0.0, "fear": 0.0})
