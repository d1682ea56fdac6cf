"""Reasons: taken from the answer, held against its label and against what is known of the image."""

from __future__ import annotations

import pytest

from emogen.schemas import Attributes, ImageRecord
from emovit_train.reproduction.measures import Answered
from emovit_train.reproduction.reasons import REASONING, read_reason, unsupported_share
from tests.emovit_train.evaluation.prediction_rows import row


def test_an_answer_is_taken_apart() -> None:
    """Label, reason, form, and the emotion that the reason names."""
    found = read_reason(row(1, "awe", "Predicted emotion: awe. Reason: The fear in her eyes."))
    assert (found.label, found.in_form, found.named) == ("awe", True, "fear")
    assert found.reason == "The fear in her eyes."
    found = read_reason(row(1, "awe", "It is awe, for the sky is wide."))
    assert (found.label, found.reason, found.in_form) == ("awe", "", False)


def test_claims_are_held_against_the_record() -> None:
    """Of a dog that is there and a guitar that is not, half has no support; nothing is said of unknown images."""
    known = ImageRecord(
        id="1", image="1.jpg", caption="A dog on a beach.", attributes=Attributes(object=("Dog",))
    )
    reason = "There is a dog, and in the foreground there is a guitar."
    assert unsupported_share(known, "Why?", reason) == pytest.approx(0.5)
    assert unsupported_share(known, "Why?", "It feels so.") is None
    assert unsupported_share(ImageRecord(id="1", image="1.jpg"), "Why?", reason) is None


def test_the_measure() -> None:
    """Three answers: right and consistent, wrong and consistent, right with a reason for another label."""
    said = [
        "Predicted emotion: awe. Reason: There is a dog.",
        "Predicted emotion: fear. Reason: There is fear all over.",
        "Predicted emotion: awe. Reason: There is fear, and a guitar in the foreground.",
    ]
    rows = [row(number, "awe", text) for number, text in enumerate(said)]
    record = ImageRecord(id="0", image="1.jpg", attributes=Attributes(object=("Dog",)))
    records = {str(number): record.model_copy(update={"id": str(number)}) for number in range(3)}
    found = {
        name: (value.value, value.n)
        for name, value in REASONING.of(Answered(rows, records, "lenient")).items()
    }
    assert found["accuracy"] == (pytest.approx(2 / 3), 3)
    assert found["in the form"] == (1.0, 3)
    assert found["consistent"] == (pytest.approx(2 / 3), 3)
    assert found["consistent, of those that name an emotion"] == (0.5, 2)
    assert found["grounded"] == (0.5, 2)
