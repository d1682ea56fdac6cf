"""Examples in context: which captions are shown, and that none is of an image that is asked about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emogen.errors import InputError
from emovit_train.cli import app
from emovit_train.evaluation.examples import examples_text, read_examples
from emovit_train.evaluation.instructions import read_instructions
from emovit_train.evaluation.predictions import read_predictions

LABELS = ("joy", "fear")


def records(folder: Path, rows: Sequence[dict[str, str]]) -> Path:
    file = folder / "captioned.jsonl"
    file.write_text("".join(json.dumps({"labels": LABELS, "image": "x.png", **row}) + "\n" for row in rows))
    return file


def row(name: str, emotion: str, **more: str) -> dict[str, str]:
    return {"id": name, "emotion": emotion, "caption": f"caption {name}", **more}


def test_captions_from_a_list(tmp_path: Path) -> None:
    """The first ones of each label, in the order of the options, in front of every question."""
    file = tmp_path / "captions.yaml"
    file.write_text("fear: [A chilling moment., Eyes wide.]\njoy:\n- Dancing\n- Laughing\n")
    assert read_examples(file, LABELS, shots=1) == {"joy": ("Dancing",), "fear": ("A chilling moment.",)}
    shown = examples_text(read_examples(file, LABELS, shots=1))
    plain, after = read_instructions(["mine=Which of {labels}?"], examples=shown)
    assert plain.question(LABELS) == "Which of joy, fear?"
    assert after.question(LABELS) == (
        "Dancing Emotion: joy. A chilling moment. Emotion: fear. Which of joy, fear?"
    )
    assert after.name == "mine, with examples"
    assert after.identity != plain.identity


def test_captions_from_records_are_of_no_test_image(tmp_path: Path) -> None:
    """Drawn from the training part, never from what is asked; the same in whatever order the records come."""
    rows = [row(f"{label}{number}", label, split="train") for label in LABELS for number in range(5)]
    held_out = [row("joy9", "joy", split="test"), row("fear9", "fear", split="val")]
    found = read_examples(records(tmp_path, [*rows, *held_out]), LABELS, ["joy0", "joy1"], shots=3)
    assert set(found["joy"]) == {"caption joy2", "caption joy3", "caption joy4"}
    assert len(set(found["fear"])) == 3
    assert "caption fear9" not in found["fear"]
    again = read_examples(records(tmp_path, [*held_out, *rows[::-1]]), LABELS, ["joy0", "joy1"], shots=3)
    assert again == found


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "joy: [x]\n", "no caption of 'fear'"),
        ("a.yaml", "joy: x\nfear: [y]\n", "not a list of captions"),
        ("a.yaml", "joy: [1]\nfear: [y]\n", "not a list of captions"),
        ("gone.yaml", None, "cannot be read"),
        (
            "a.csv",
            "image,emotion,caption,split\nx.png,joy,c,test\ny.png,fear,c,train\n",
            "no caption of 'joy'",
        ),
    ],
)
def test_what_is_no_example_is_refused(tmp_path: Path, name: str, text: str | None, said: str) -> None:
    """A label without a caption, and a file that holds none, are errors with a remedy."""
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said) as refused:
        read_examples(tmp_path / name, LABELS)
    assert refused.value.remedy


def test_each_instruction_is_asked_with_and_without(
    tuned_folder: Path, run_folder: Path, tmp_path: Path
) -> None:
    """`evaluate --examples` adds a row for each image, and other examples under the same name are refused."""
    captions = tmp_path / "captions.yaml"
    told = "".join(f"{label}: [A picture of {label}.]\n" for label in ("amusement", "awe", "fear", "sadness"))
    captions.write_text(told)
    words = ["evaluate", run_folder, "--checkpoint", tuned_folder, "--out", tmp_path / "out", "--limit", "2"]
    command = [*map(str, words), "--examples", str(captions)]
    assert CliRunner().invoke(app, command, catch_exceptions=False).exit_code == 0
    rows = read_predictions(tmp_path / "out" / "predictions.jsonl")
    assert [each.instruction for each in rows] == ["categorical"] * 2 + ["categorical, with examples"] * 2
    assert rows[2].question.startswith("A picture of amusement. Emotion: amusement.")
    assert rows[0].ranking != rows[2].ranking
    captions.write_text(told.replace("A picture", "An image"))
    with pytest.raises(InputError, match="another instruction categorical, with examples"):
        CliRunner().invoke(app, command, catch_exceptions=False)
