"""What changes with the wording, and with the order of options."""

from __future__ import annotations

import pytest

from emovit_train.evaluation.stability import stability
from tests.emovit_train.evaluation.prediction_rows import row


def test_flip_rate_sees_what_accuracy_hides() -> None:
    """Equal accuracies, and yet each image's label changes."""
    first = [row(1, "awe", "awe"), row(2, "awe", "fear")]
    second = [row(1, "awe", "fear", instruction="paper-2"), row(2, "awe", "awe", instruction="paper-2")]
    (found,) = [line for line in stability(first + second) if line.reading == "lenient"]
    assert (found.sensitivity, found.flip_rate, found.n) == (0.0, 1.0, 2)
    assert (found.over, found.variants, found.accuracies) == (
        "instruction",
        ("paper-1", "paper-2"),
        (0.5, 0.5),
    )


def test_orders_are_told_from_instructions() -> None:
    """Another order of options is no other instruction: each instruction's orders are compared among themselves."""
    rows = [
        row(1, "awe", "awe"),
        row(1, "awe", "fear", instruction="paper-1, order 1", order=1),
        row(1, "awe", "awe", instruction="paper-2"),
    ]
    by_words, by_order = [line for line in stability(rows) if line.reading == "lenient"]
    assert (by_words.over, by_words.variants, by_words.flip_rate) == (
        "instruction",
        ("paper-1", "paper-2"),
        0.0,
    )
    assert (by_order.over, by_order.variants, by_order.flip_rate) == (
        "order",
        ("paper-1", "paper-1, order 1"),
        1.0,
    )
    assert by_order.sensitivity == 1.0


def test_both_deviations() -> None:
    """Accuracies of 1 and 0.5: the population's deviation is 0.25, the sample's the root of 2 times that."""
    rows = [row(n, "awe", "awe") for n in range(2)]
    rows += [row(n, "awe", said, instruction="paper-2") for n, said in enumerate(("awe", "fear"))]
    population, sample = (
        next(line.sensitivity for line in stability(rows, sample=way) if line.reading == "lenient")
        for way in (False, True)
    )
    assert population == pytest.approx(1 / 3)
    assert sample == pytest.approx(2**0.5 / 3)


def test_never_right_is_not_stable() -> None:
    """With no right answer at all the formula has no value, which is None and not 0."""
    rows = [row(1, "awe", "fear"), row(1, "awe", "fear", instruction="paper-2")]
    assert {line.sensitivity for line in stability(rows)} == {None}
