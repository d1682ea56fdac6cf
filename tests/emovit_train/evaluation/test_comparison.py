"""Two models on the same images."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from emogen.errors import InputError
from emovit_train.cli import app
from emovit_train.evaluation.comparison import compare
from tests.emovit_train.evaluation.prediction_rows import row


def test_models_are_compared_on_what_both_answered() -> None:
    """The image that one model was not asked about does not count."""
    one = [row(n, "awe", "awe") for n in range(3)]
    two = [row(n, "awe", "fear", model="other") for n in range(2)]
    (found,) = [line for line in compare(one + two) if line.reading == "lenient"]
    assert (found.first, found.second, found.n, found.only_first, found.p) == ("m", "other", 2, 2, 0.5)
    assert (found.difference, found.low, found.high) == (1, 1, 1)


def test_the_difference_has_the_sign_of_the_better() -> None:
    """Of four images one is won and none lost: a quarter, in an interval that reaches 0."""
    one = [row(n, "awe", "awe") for n in range(4)]
    two = [row(n, "awe", "fear" if n == 0 else "awe", model="other") for n in range(4)]
    (found,) = [line for line in compare(two + one) if line.reading == "lenient"]
    assert (found.first, found.difference, found.only_second, found.p) == ("other", -0.25, 1, 1.0)
    assert (found.low, found.high) == (-0.75, 0.0)


def test_the_command_compares_two_files(tmp_path: Path) -> None:
    """Models of the same name are told apart by their files; files with nothing in common are refused."""
    files = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for file, said in zip(files, ("awe", "fear"), strict=True):
        file.write_text("".join(row(n, "awe", said).model_dump_json() + "\n" for n in range(6)))
    told = CliRunner().invoke(app, ["compare", *map(str, files)], catch_exceptions=False)
    assert f"m ({files[0]})" in told.output
    assert "| 6 | 6 | 0 | 1.000 | 1.000 | 1.000 | 0.031 |" in told.output
    files[1].write_text(row(1, "awe", "awe", dataset="other").model_dump_json())
    with pytest.raises(InputError, match="no answer in common"):
        CliRunner().invoke(app, ["compare", *map(str, files)], catch_exceptions=False)
