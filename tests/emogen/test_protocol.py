from __future__ import annotations

import pytest

from emogen.errors import UnknownNameError
from emogen.labels import LABEL_SETS
from emogen.protocol import categorical_answer, categorical_question, evaluation_instruction


def test_the_categorical_pair_is_the_papers() -> None:
    """Question and answer equal Figure 10 of the paper, character by character."""
    assert categorical_question(LABEL_SETS["mikels-8"]) == (
        "Please select the emotion closest to the image from the following options: "
        "amusement, anger, awe, contentment, disgust, excitement, fear and sadness."
    )
    assert categorical_answer("excitement") == "Predict emotion: excitement."


def test_two_labels_make_a_question() -> None:
    """The smallest label set reads as English."""
    assert categorical_question(["joy", "fear"]).endswith("options: joy and fear.")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "paper-1",
            "From the given options: joy, fear, identify the emotion that most accurately reflects the image. "
            "Ensure your selection is confined to the listed options. Respond in the format: Predicted emotion:",
        ),
        (
            "paper-2",
            "Please choose the emotion that best corresponds to the image from the following options: joy, fear. "
            "(Do not provide answers beyond the provided candidates.) "
            "Please reply in the following format: Predict emotion:",
        ),
    ],
)
def test_the_evaluation_instructions_are_the_papers(name: str, text: str) -> None:
    """Both instructions equal section 4.3.2 of the paper, character by character."""
    assert evaluation_instruction(name, ["joy", "fear"]) == text


def test_braces_in_a_label_stay_text() -> None:
    """A label is never read as a format field."""
    assert "options: {labels}, {0}," in evaluation_instruction("paper-1", ["{labels}", "{0}"])


def test_an_unknown_instruction_is_answered_with_the_list() -> None:
    """A misspelt instruction is the user's error, not a bug."""
    with pytest.raises(UnknownNameError, match="Known: paper-1, paper-2"):
        evaluation_instruction("paper1", ["joy", "fear"])
