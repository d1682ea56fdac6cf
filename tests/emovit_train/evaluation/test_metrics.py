"""Metrics against values worked out by hand."""

from __future__ import annotations

import pytest

from emovit_train.evaluation.metrics import accuracy, macro_f1, majority_share

TRUE = ["awe", "awe", "awe", "fear", "fear", "joy"]
PREDICTED = ["awe", "awe", "fear", "fear", "joy", "rage"]


def test_accuracy_is_the_share_of_hits() -> None:
    """Three of six are right."""
    assert accuracy(TRUE, PREDICTED) == 0.5


def test_macro_f1_is_the_mean_over_labels_seen() -> None:
    """awe 4/5, fear 2/4, joy 0, rage 0 (predicted only): their mean is 0.325."""
    assert macro_f1(TRUE, PREDICTED) == pytest.approx((0.8 + 0.5 + 0 + 0) / 4)
    assert macro_f1(TRUE, TRUE) == 1.0


def test_majority_is_the_most_frequent_true_label() -> None:
    """Always answering awe is right three times of six."""
    assert majority_share(TRUE) == 0.5
