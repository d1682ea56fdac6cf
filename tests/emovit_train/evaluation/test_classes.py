"""Scores by class, against scikit-learn's own report and by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emovit_train.evaluation.classes import class_scores, confusions
from emovit_train.evaluation.metrics import macro_f1
from tests.emovit_train.evaluation.prediction_rows import row

TRUE = ("awe", "awe", "awe", "fear")
SAID = ("awe", "fear", "Hm.", "fear")


def test_classes_by_hand() -> None:
    """awe: said once, rightly, of three; fear: said twice, once rightly, of one. What cannot be read is no class."""
    rows = [row(n, true, said) for n, (true, said) in enumerate(zip(TRUE, SAID, strict=True))]
    awe, fear = [line for line in class_scores(rows) if line.reading == "lenient"]
    assert (awe.label, awe.n, awe.said, awe.precision, awe.recall) == ("awe", 3, 1, 1.0, pytest.approx(1 / 3))
    assert (fear.label, fear.n, fear.said, fear.precision, fear.recall) == ("fear", 1, 2, 0.5, 1.0)
    assert (awe.f1, fear.f1) == (pytest.approx(0.5), pytest.approx(2 / 3))


def test_confusion_by_hand() -> None:
    """A row for each true label; what could not be read has a column and no row."""
    rows = [row(n, true, said) for n, (true, said) in enumerate(zip(TRUE, SAID, strict=True))]
    (found,) = [matrix for matrix in confusions(rows) if matrix.key.reading == "lenient"]
    assert (found.labels, found.said) == (("awe", "fear"), ("awe", "fear", "unknown"))
    assert found.counts == ((1, 1, 1), (0, 1, 0))


@settings(max_examples=20)
@given(st.lists(st.tuples(st.sampled_from(("awe", "fear")), st.sampled_from(("awe", "fear"))), min_size=1))
def test_the_mean_of_the_classes_is_macro_f1(pairs: list[tuple[str, str]]) -> None:
    """Over labels that are true or said, the classes' F1 average to the score's."""
    rows = [row(n, true, said) for n, (true, said) in enumerate(pairs)]
    found = [line for line in class_scores(rows) if line.reading == "lenient" and line.n + line.said]
    wanted = macro_f1([true for true, _ in pairs], [said for _, said in pairs])
    assert sum(line.f1 for line in found) / len(found) == pytest.approx(wanted)
