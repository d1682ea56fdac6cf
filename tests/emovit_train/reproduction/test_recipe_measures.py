"""Measures of the first table, by hand."""

from __future__ import annotations

import pytest

from emovit_train.evaluation.predictions import Prediction
from emovit_train.reproduction.measures import ACCURACY, SAMPLE_SENSITIVITY, SENSITIVITY, Answered
from tests.emovit_train.evaluation.prediction_rows import row


def asked_twice() -> list[Prediction]:
    """Right for four of four under one instruction, for two under the other."""
    rows = [row(number, "awe", "awe") for number in range(4)]
    return rows + [row(n, "awe", "awe" if n < 2 else "fear", instruction="paper-2") for n in range(4)]


def test_accuracy_has_a_line_for_each_instruction() -> None:
    """One alone has no name; shuffled options are no line of their own."""
    shuffled = [row(number, "awe", "fear", order=1) for number in range(4)]
    found = ACCURACY.of(Answered(asked_twice() + shuffled, {}, "lenient"))
    assert {line: (each.value, each.n) for line, each in found.items()} == {
        "paper-1": (1.0, 4),
        "paper-2": (0.5, 4),
    }
    assert list(ACCURACY.of(Answered(asked_twice()[:4], {}, "lenient"))) == [""]
    assert ACCURACY.of(Answered(asked_twice(), {}, "sum")) == {}


def test_both_sensitivities() -> None:
    """Accuracies of 1 and 0.5: by Equation 3 a third, with the sample's deviation the root of 2 times that."""
    answered = Answered(asked_twice(), {}, "lenient")
    assert SENSITIVITY.of(answered)[""].value == pytest.approx(1 / 3)
    assert SAMPLE_SENSITIVITY.of(answered)[""].value == pytest.approx(2**0.5 / 3)
    assert SENSITIVITY.of(Answered(asked_twice()[:4], {}, "lenient")) == {}
