"""Instructions: the paper's texts word by word, one's own, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from emogen.errors import InputError, UnknownNameError
from emovit_train.evaluation.answers import read_strict
from emovit_train.evaluation.instructions import INSTRUCTIONS, own_instruction, read_instructions

LABELS = ("awe", "fear")


def test_the_papers_two_instructions() -> None:
    """They are the texts of section 4.3.2."""
    assert INSTRUCTIONS["paper-1"].question(LABELS) == (
        "From the given options: awe, fear, identify the emotion that most accurately reflects the image. "
        "Ensure your selection is confined to the listed options. Respond in the format: Predicted emotion:"
    )
    assert INSTRUCTIONS["paper-2"].question(LABELS) == (
        "Please choose the emotion that best corresponds to the image from the following options: awe, fear. "
        "(Do not provide answers beyond the provided candidates.) "
        "Please reply in the following format: Predict emotion:"
    )


@pytest.mark.parametrize("name", ["categorical", "paper-1", "paper-2", "revised", "reasoning"])
def test_candidates_are_in_the_wanted_form(name: str) -> None:
    """What stands for a label when candidates are ranked is what a strict reader takes for it."""
    candidates = INSTRUCTIONS[name].candidates(LABELS)
    assert {read_strict(answer, LABELS): label for label, answer in candidates.items()} == {
        label: label for label in LABELS
    }


def test_own_text_and_file(tmp_path: Path) -> None:
    """One's own instruction is given as a text or as a file; braces in it are text."""
    (tmp_path / "own.txt").write_text("Answer as {emotion: ...}: {labels}?\n", "utf-8")
    (own, from_file) = read_instructions(["mine=Which of {labels}?", f"file=@{tmp_path / 'own.txt'}"])
    assert own.question(LABELS) == "Which of awe, fear?"
    assert own.candidates(LABELS) == {"awe": "awe", "fear": "fear"}
    assert from_file.question(LABELS) == "Answer as {emotion: ...}: awe, fear?"


def test_refused(tmp_path: Path) -> None:
    """A misspelt name, a taken one, an empty text, a missing file, and one name twice are each an error."""
    with pytest.raises(UnknownNameError, match="paper-l"):
        read_instructions(["paper-l"])
    for told in ("paper-1=Which?", "=Which?", "mine=", f"mine=@{tmp_path / 'gone.txt'}"):
        with pytest.raises(InputError) as refused:
            read_instructions([told])
        assert refused.value.remedy
    with pytest.raises(InputError, match="given twice"):
        read_instructions(["paper-1", "paper-1"])
    with pytest.raises(InputError, match="not in the answer"):
        own_instruction("mine", "Which?", "yes")
