"""`predict`: what is said of photographs, by whichever decoding, batch and device."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from emogen.errors import InputError, UnknownNameError
from emovit_train.checkpoint import load_checkpoint
from emovit_train.cli import app
from emovit_train.decoding import DECODINGS
from emovit_train.features import FreshViews
from emovit_train.predict import generate
from tests.emovit_train.conftest import COLOURS

QUESTION = "What is in the image?"


@pytest.fixture
def predict(run_folder: Path, tuned_folder: Path) -> Any:
    """Ask the tuned model about all photographs."""

    def run(*options: object, checkpoint: Path = tuned_folder) -> Any:
        photos = [run_folder / "photos" / f"{colour}.png" for colour in COLOURS]
        words = ["predict", *photos, "--checkpoint", checkpoint, *options]
        return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)

    return run


@pytest.mark.parametrize("name", DECODINGS)
def test_decodings_by_name(predict: Any, run_folder: Path, tuned_folder: Path, name: str) -> None:
    """Each preset answers as it does from Python, and the longest answer is its own unless one is given."""
    model = load_checkpoint(tuned_folder)
    photo = run_folder / "photos" / "red.png"
    seen = FreshViews(model, augment=False, seed=0).pool([photo], 1).batch([photo])
    (wanted,) = generate(model, seen, [QUESTION], decoding=DECODINGS[name])
    assert f"{photo}: {wanted}\n" in predict("--ask", QUESTION, "--decoding", name).output
    (cut,) = predict("--ask", QUESTION, "--decoding", name, "--max-new-tokens", 1).output.splitlines()[:1]
    assert wanted.startswith(cut.partition(": ")[2])
    assert len(cut.partition(": ")[2]) < len(wanted)


def test_unknown_decoding(predict: Any) -> None:
    """A misspelt preset is answered with the right name."""
    with pytest.raises(UnknownNameError, match="greedy"):
        predict("--ask", QUESTION, "--decoding", "greddy")


def test_batches_answer_in_the_order_of_the_photographs(predict: Any) -> None:
    """Three at once, and then the one that is left, say what each says alone."""
    alone = predict("--ask", QUESTION).output
    assert len(set(alone.splitlines())) == len(COLOURS)
    assert predict("--ask", QUESTION, "--batch-size", 3).output == alone


def test_ranking_shows_both_norms(predict: Any) -> None:
    """Under the first label by each norm, every label has its sum and its mean, best sum first."""
    options = ("--labels", "awe,fear,amusement,sadness")
    printed = predict(*options).output
    assert predict(*options, "--batch-size", 4).output == printed
    for colour, emotion in COLOURS.items():
        block = printed.partition(f"{colour}.png: ")[2]
        head, *lines = block.splitlines()[:5]
        rows = [
            (label, float(total), float(mean))
            for label, total, mean in re.findall(r"(\w+) +sum +(\S+) +mean +(\S+)", "\n".join(lines))
        ]
        assert len(rows) == 4
        assert rows == sorted(rows, key=lambda row: -row[1])
        best = max(rows, key=lambda row: row[2])[0]
        assert head == f"{rows[0][0]} by sum, {best} by mean per token"
        assert colour == "white" or rows[0][0] == emotion


def test_a_gpu_that_is_not_there(predict: Any, tuned_folder: Path) -> None:
    """Asked for by name, it is missed before anything is loaded; `auto` goes without."""
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InputError, match="no GPU"):
        predict("--ask", QUESTION, "--device", "cuda")
    with pytest.raises(UnknownNameError, match="cpu"):
        predict("--ask", QUESTION, "--device", "gpu")
    assert load_checkpoint(tuned_folder, device="cpu").device.type == "cpu"
