"""Measures on a sample of turns, against numbers worked out by hand."""

from __future__ import annotations

import pytest

from emogen.report.measures import measures_of
from emogen.report.rows import AttributesRow, ProvenanceRow, RecordRow, SampleRow, TurnRow
from emogen.report.tally import Tally


def counted(*answers: str, **attributes: object) -> Tally:
    found = Tally(seed=0)
    for number, answer in enumerate(answers):
        record = RecordRow(f"r{number}", "a.jpg", "awe", ("awe", "fear"), None, AttributesRow(**attributes))  # type: ignore[arg-type]
        turn = TurnRow("Why is it so?", answer, "reasoning")
        found.add_sample(SampleRow(record, "reasoning", (turn,), ProvenanceRow("openai", "m")))
    return found


def test_distinct_words_and_pairs() -> None:
    """Of eight words five are different, of six pairs five; pairs do not reach from one answer to the next."""
    (found,) = measures_of(counted("The red dog runs.", "The red cat, the")).diversity.values()
    assert found.measured == 2
    assert found.distinct_1 == pytest.approx(5 / 8)
    assert found.distinct_2 == pytest.approx(5 / 6)
    assert found.questions == 0.5


def test_self_bleu() -> None:
    """Equal answers have everything in common, answers without a common word next to nothing, a single one no value."""
    same, other = (
        "The dog runs over the wide green field.",
        "A quiet boat lies near some old grey harbour wall",
    )
    assert measures_of(counted(same, same)).diversity["reasoning"].self_bleu_4 == pytest.approx(100)
    different = measures_of(counted(same, other)).diversity["reasoning"].self_bleu_4
    assert different is not None
    assert different < 5
    assert measures_of(counted(same)).diversity["reasoning"].self_bleu_4 is None


def test_given_values_that_answers_name() -> None:
    """A value counts where the answer has its words; attributes that are not given count nowhere."""
    named = measures_of(
        counted("A dog stands there.", "Nothing is said.", object=("Dog", "Kite"), scene="street")
    ).named
    assert named == {"reasoning": {"object": 0.25, "scene": 0.0}}
