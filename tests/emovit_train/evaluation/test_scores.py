"""Scores from predictions, against scikit-learn, scipy and values worked out by hand."""

from __future__ import annotations

import json
from math import isnan
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emogen.errors import InputError
from emovit_train.cli import app
from emovit_train.evaluation.metrics import macro_f1
from emovit_train.evaluation.predictions import Prediction, Ranking, read_answer, read_predictions
from emovit_train.evaluation.scores import compare, score, stability
from emovit_train.evaluation.statistics import calibration_error, flip_rate, interval, mcnemar, sensitivity

LABELS = ("awe", "fear")


def row(number: int, label: str | None, answer: str, **told: object) -> Prediction:
    defaults: dict[str, object] = {"model": "m", "instruction": "paper-1", "group": "held-out test"}
    given = {
        "dataset": "d",
        "item_id": str(number),
        "image": f"{number}.jpg",
        "label": label,
        "labels": LABELS,
    }
    return read_answer(
        Prediction.model_validate({**defaults, **given, "question": "Which?", "answer": answer, **told})
    )


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


def test_interval_of_a_share() -> None:
    """Near the normal approximation for a share of 0.3 of 400; no width where all are equal."""
    low, high = interval([True] * 120 + [False] * 280)
    assert low == pytest.approx(0.3 - 1.96 * 0.0229, abs=0.008)
    assert high == pytest.approx(0.3 + 1.96 * 0.0229, abs=0.008)
    assert interval([True, True]) == (1, 1)


def test_calibration_error_by_hand() -> None:
    """Two answers at 0.9 of which one is right, two at 0.5 of which one is: (2 * 0.4 + 0) / 4."""
    assert calibration_error([0.9, 0.9, 0.5, 0.5], [True, False, True, False]) == pytest.approx(0.2)


def test_mcnemar_by_hand() -> None:
    """Five that only the first has and none that only the second has: p = 2 / 32."""
    assert mcnemar([True] * 5 + [False], [False] * 6) == (5, 0, pytest.approx(2 / 32))
    assert mcnemar([True], [True]) == (0, 0, 1.0)


def test_sensitivity_by_hand() -> None:
    """With two instructions it is |a - b| / (a + b); NaN where the mean is 0: failing always is not stable."""
    assert sensitivity({"t": [0.6, 0.4]}) == pytest.approx(0.2)
    assert sensitivity({"t": [0.6, 0.4]}, sample=True) == pytest.approx(0.2 * 2**0.5)
    assert sensitivity({"t": [0.6, 0.4], "u": [0.5, 0.5]}) == pytest.approx(0.1)
    assert isnan(sensitivity({"t": [0.0, 0.0]}))
    assert isnan(sensitivity({"t": [0.5]}))


def test_flip_rate_sees_what_accuracy_hides() -> None:
    """Equal accuracies, and yet each image's label changes."""
    first = [row(1, "awe", "awe"), row(2, "awe", "fear")]
    second = [row(1, "awe", "fear", instruction="paper-2"), row(2, "awe", "awe", instruction="paper-2")]
    (found,) = [line for line in stability(first + second) if line.reading == "lenient"]
    assert (found.sensitivity, found.flip_rate, found.n) == (0.0, 1.0, 2)
    assert flip_rate([["a", "a"], ["a", "b"]]) == 0.5


def test_models_are_compared_on_what_both_answered() -> None:
    """The image that one model was not asked about does not count."""
    one = [row(n, "awe", "awe") for n in range(3)]
    two = [row(n, "awe", "fear", model="other") for n in range(2)]
    (found,) = [line for line in compare(one + two) if line.reading == "lenient"]
    assert (found.first, found.second, found.n, found.only_first, found.p) == ("m", "other", 2, 2, 0.5)


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
    told = CliRunner().invoke(app, ["score", str(file), "--json"], catch_exceptions=False)
    assert json.loads(told.output)["compared"][0]["second"] == "other"
    file.write_text('{"dataset": "d"}\n')
    with pytest.raises(InputError, match=r"predictions\.jsonl:1"):
        CliRunner().invoke(app, ["score", str(file)], catch_exceptions=False)
