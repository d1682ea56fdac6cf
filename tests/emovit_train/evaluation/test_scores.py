"""Scores from predictions, against scikit-learn, scipy and values worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emogen.errors import InputError
from emovit_train.cli import app
from emovit_train.evaluation.metrics import macro_f1
from emovit_train.evaluation.predictions import Ranking, read_predictions
from emovit_train.evaluation.scores import score
from tests.emovit_train.evaluation.prediction_rows import row


def test_scores_of_answers() -> None:
    """Of four labelled images one is right strictly, two leniently; one is not readable; a tie counts nowhere."""
    rows = [row(1, "awe", "Predict emotion: awe."), row(2, "fear", "I feel fear"), row(3, "awe", "fear!")]
    rows += [row(4, "awe", "Hm."), row(5, None, "awe")]
    strict, lenient = score(rows)
    assert (strict.reading, strict.n, strict.accuracy, strict.unknown) == ("strict", 4, 0.25, 0.75)
    assert (lenient.reading, lenient.accuracy, lenient.unknown) == ("lenient", 0.5, 0.25)
    assert (lenient.majority, lenient.random, lenient.ece) == (0.75, 0.5, None)
    assert lenient.low < 0.5 < lenient.high


def test_macro_f1_is_scikit_learns() -> None:
    """The same number, an unread answer being a class of its own."""
    from sklearn.metrics import f1_score

    true, said = ["awe", "awe", "fear", "joy", "joy"], ["awe", "unknown", "fear", "fear", "joy"]
    assert macro_f1(true, said) == pytest.approx(f1_score(true, said, average="macro", zero_division=0))


def test_ranking_is_read_by_sum_and_mean() -> None:
    """Both orders side by side, with the calibration of the chosen label."""
    ranking = Ranking(sums={"awe": -4.0, "fear": -3.0}, means={"awe": -1.0, "fear": -1.5})
    ranked = row(1, "awe", "", ranking=ranking).model_copy(update={"strict": None, "lenient": None})
    by_sum, by_mean = score([ranked])
    assert (by_sum.accuracy, by_mean.accuracy) == (0.0, 1.0)
    assert by_sum.ece == pytest.approx(0.7311, abs=1e-4)


def test_an_image_twice_is_refused() -> None:
    """The same file given twice would count twice."""
    with pytest.raises(InputError, match="comes twice"):
        score([row(1, "awe", "awe"), row(1, "awe", "awe")])


def test_the_command_makes_tables(tmp_path: Path) -> None:
    """Markdown on the terminal, JSON for programs, three files for papers; a broken line is named."""
    file = tmp_path / "predictions.jsonl"
    rows = [row(1, "awe", "awe"), row(1, "awe", "fear", model="other")]
    file.write_text("".join(one.model_dump_json() + "\n" for one in rows))
    assert read_predictions(file) == rows
    said = CliRunner().invoke(
        app, ["score", str(file), "--out", str(tmp_path / "tables")], catch_exceptions=False
    )
    assert "| d | held-out test | m | paper-1 | lenient | 1 | 1.000 |" in said.output
    assert (tmp_path / "tables" / "scores.csv").read_text().count("\n") == 5
    pictures = sorted((tmp_path / "tables").glob("*.png"))
    assert [path.stem for path in pictures] == [
        f"confusion-{model}-{reading}" for model in ("m", "other") for reading in ("lenient", "strict")
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    assert "| precision |" in (tmp_path / "tables" / "scores.md").read_text()
    assert "| precision |" not in said.output
    assert (
        "| precision |"
        in CliRunner().invoke(app, ["score", str(file), "--per-class"], catch_exceptions=False).output
    )
    told = CliRunner().invoke(app, ["score", str(file), "--json"], catch_exceptions=False)
    assert json.loads(told.output)["compared"][0]["second"] == "other"
    file.write_text('{"dataset": "d"}\n')
    with pytest.raises(InputError, match=r"predictions\.jsonl:1"):
        CliRunner().invoke(app, ["score", str(file)], catch_exceptions=False)
