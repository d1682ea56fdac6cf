"""Strata: what images are told apart and resampled by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emogen.errors import InputError
from emovit_train.cli import app
from emovit_train.evaluation.scores import score
from tests.emovit_train.evaluation.prediction_rows import row


def drawn(number: int, answer: str, style: str, thing: str) -> object:
    return row(number, "awe", answer, strata={"style": style, "thing": thing})


ROWS = [drawn(n, "awe" if n < 3 else "fear", "flat" if n % 2 else "round", str(n // 2)) for n in range(6)]


def test_strata_are_scored_apart() -> None:
    """Each style has a row of its own, over its own images, with the units that its interval draws."""
    found = [line for line in score(ROWS, by=["style"], unit="thing") if line.reading == "lenient"]
    assert [(line.stratum, line.n, line.units) for line in found] == [
        ("style=round", 3, 3),
        ("style=flat", 3, 3),
    ]
    assert [line.accuracy for line in found] == [pytest.approx(2 / 3), pytest.approx(1 / 3)]


def test_a_stratum_that_is_not_there() -> None:
    """It is named, with those that are."""
    with pytest.raises(InputError, match=r"no stratum 'colour'; it has style, thing"):
        score(ROWS, by=["colour"])
    with pytest.raises(InputError, match="no stratum"):
        score([row(1, "awe", "awe")], unit="thing")


def test_strata_come_from_a_table(tmp_path: Path) -> None:
    """A CSV table beside predictions that know of no strata; an image that it lacks is named."""
    file, table = tmp_path / "predictions.jsonl", tmp_path / "strata.csv"
    file.write_text("".join(row(n, "awe", "awe").model_dump_json() + "\n" for n in range(4)))
    table.write_text("item_id,thing,tie\n0,a,no\n1,a,no\n2,b,yes\n3,b,no\n")
    words = ["score", str(file), "--strata", str(table), "--json"]
    told = CliRunner().invoke(app, [*words, "--by", "tie", "--unit", "thing"], catch_exceptions=False)
    found = [line for line in json.loads(told.output)["scores"] if line["reading"] == "lenient"]
    assert [(line["stratum"], line["n"], line["units"]) for line in found] == [
        ("tie=no", 3, 2),
        ("tie=yes", 1, 1),
    ]
    table.write_text("item_id,thing\n0,a\n")
    with pytest.raises(InputError, match=r"3 images are not in it: 1"):
        CliRunner().invoke(app, words, catch_exceptions=False)
    table.write_text("id,thing\n0,a\n")
    with pytest.raises(InputError, match="no column item_id"):
        CliRunner().invoke(app, words, catch_exceptions=False)
