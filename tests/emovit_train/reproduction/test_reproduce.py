"""Experiments from one end to the other: tuned, asked, measured, laid beside printed numbers; and gone on with."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from openai_stub import OpenAIStub, Reply
from typer.testing import CliRunner, Result

from emogen.errors import InputError, UnfinishedError, UnknownNameError
from emovit_train.cli import app
from emovit_train.evaluation.predictions import read_predictions
from emovit_train.reproduction.cells import MEAN
from emovit_train.reproduction.recipe_file import read_recipe, recipes
from tests.emovit_train.reproduction.worlds import data_options, model_options

RECIPE = """\
title: Two portions
data:
  - {data: mine, as: records, split: all}
  - {data: other, as: records}
models:
  base: {predictor: checkpoint, about: a checkpoint}
  tiny: {about: weights}
speak: false
reading: sum
against: before
arms:
  - {name: before, untuned: tuned}
  - name: tuned
    train: {model: tiny, settings: {max_steps: 1, batch_size: 3, types: categorical}}
  - {name: as it is, model: base}
"""


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["reproduce", *map(str, words)], catch_exceptions=False)


def cells(folder: Path) -> list[dict[str, str]]:
    with (folder / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "two.yaml"
    file.write_text(RECIPE)
    return file


@pytest.fixture
def words(recipe: Path, tmp_path: Path, run_folder: Path, tiny_folder: Path) -> list[object]:
    """The recipe with one data set and the model that is tuned."""
    told = ["--recipe", recipe, "--out", tmp_path / "out"]
    return [*told, "--data", f"mine={run_folder}", "--model", f"tiny={tiny_folder}"]


def test_an_experiment_goes_on_where_it_was(words: list[object], tmp_path: Path, run_folder: Path) -> None:
    """With a part of what it needs it does that part and says what is missing; with more, only the rest is done."""
    out = tmp_path / "out"
    with pytest.raises(UnfinishedError, match="3 things are missing"):
        run(*words)
    assert not (out / "trained").exists()
    with pytest.raises(UnfinishedError, match="2 things are missing"):
        run(*words, "--data", f"instructions={run_folder}")
    (checkpoint,) = (out / "trained").iterdir()
    text = (out / "two" / "table.md").read_text()
    assert "- data set 'other': --data other=FOLDER" in text
    assert "- model 'base' (a checkpoint): --model base=FOLDER" in text
    assert "mine: 3 of 4 images were trained on by tuned and are left out" in text
    made = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name in ("train.json",)}
    answers = {path: path.read_bytes() for path in out.rglob("predictions.jsonl")}
    assert len(answers) == 2

    words = [*words, "--data", f"instructions={run_folder}", "--data", f"other={run_folder}"]
    done = run(*words, "--model", f"base={checkpoint}")
    assert done.exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("train.json")} == made
    assert {path: path.read_bytes() for path in answers} == answers
    found = cells(out / "two")
    assert {(cell["arm"], cell["dataset"]) for cell in found} == {
        (arm, data) for arm in ("before", "tuned", "as it is") for data in ("mine", "other")
    }
    assert {cell["n"] for cell in found} == {"1"}
    # The checkpoint as it is and the tuned arm are one model: its answers are asked for once.
    assert len(list(out.rglob("predictions.jsonl"))) == 4
    assert (out / "two" / "table.png").stat().st_size > 1000
    assert "compared" in (out / "two" / "table.md").read_text()
    with (out / "two" / "contamination.csv").open(newline="") as file:
        lists = [(line["test"], line["images"], line["exact"]) for line in csv.DictReader(file)]
    assert lists == [("mine in instructions", "4", "3"), ("other in instructions", "1", "0")]

    # Other words under the same name are another instruction.
    asked = [*words, "--model", f"base={checkpoint}", "--only", "as it is"]
    for text in ("Which of {labels}?", "What of {labels}?"):
        assert run(*asked, "--instruction", f"short={text}").exit_code == 0
    assert len(list(out.rglob("predictions.jsonl"))) == 4 + 2 * 2

    # A setting of the command wins over the recipe's, and what was tuned otherwise stays.
    assert run(*words, "--train", "seed=2", "--only", "tuned").exit_code == 0
    assert len(list((out / "trained").iterdir())) == 2


def test_what_cannot_be_meant_is_refused(words: list[object], tmp_path: Path, run_folder: Path) -> None:
    """Settings, arms and names that are not there, before anything is tuned."""
    out = tmp_path / "out"
    words = [*words, "--data", f"instructions={run_folder}"]
    with pytest.raises(InputError, match="--sead"):
        run(*words, "--train", "sead=1")
    with pytest.raises(UnknownNameError, match="unknown arm 'tune'"):
        run(*words, "--only", "tune")
    with pytest.raises(UnknownNameError, match="--data: unknown data of this recipe 'minee'"):
        run(*words, "--data", "minee=x")
    with pytest.raises(InputError, match="no such file or folder"):
        run(*words, "--data", f"other={tmp_path / 'no'}")
    with pytest.raises(InputError, match="not NAME=VALUE"):
        run(*words, "--train", "seed")
    assert not (out / "trained").exists()


def test_with_nothing_nothing_is_written(tmp_path: Path) -> None:
    """All that an experiment needs is named, with the options that give it."""
    with pytest.raises(UnfinishedError, match="3 things are missing"):
        run("table2", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_recipes_are_listed_and_shown() -> None:
    """By name, and as they stand; without either, nothing is run."""
    told = run("--list").output
    assert all(name in told for name in recipes())
    assert "experiment: table2" in run("--show", "table2").output
    with pytest.raises(InputError, match="no recipe, or two"):
        run()


def test_a_model_behind_an_api(tmp_path: Path, stub: OpenAIStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figure 1 over the wire: a line for each instruction; with its predictions thrown away, nothing is asked again."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    stub.default = Reply(text="Predicted emotion: awe.")
    told = ["fig1", "--out", tmp_path / "out", *data_options(read_recipe("fig1"), tmp_path, tmp_path)]
    told += ["--model", "api=openai:gpt-6.1-sol", "--api", f"base_url={stub.url}", "--split", "all"]
    assert run(*told).exit_code == 0
    asked = len(stub.bodies)
    found = {cell["line"]: float(cell["value"]) for cell in cells(tmp_path / "out" / "fig1")}
    assert found == {"plain": 0.5, "revised": 0.5}
    shutil.rmtree(tmp_path / "out" / "predictions")
    assert run(*told).exit_code == 0
    assert len(stub.bodies) == asked == 8


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(recipes().keys() - {"fig1", "humour"}))
def test_each_recipe_runs(name: str, tmp_path: Path, run_folder: Path) -> None:
    """With small copies of what it asks for, every experiment ends whole, and its table has a number for each arm."""
    recipe = read_recipe(name)
    told = [*model_options(recipe, tmp_path / "models"), *data_options(recipe, tmp_path / "data", run_folder)]
    told += ["--train", "max_steps=1", "--train", "epochs=1", "--limit", "2", "--split", "all"]
    done = run(name, "--out", tmp_path / "out", *told)
    assert done.exit_code == 0, done.output
    found = cells(tmp_path / "out" / name)
    assert {cell["arm"] for cell in found} >= {arm.name for arm in recipe.arms}
    assert not any(cell["missing"] for cell in found if cell["dataset"] != MEAN)
    for path in (tmp_path / "out").rglob("predictions.jsonl"):
        assert read_predictions(path)


@pytest.mark.slow
def test_captions_are_put_to_the_vote(tmp_path: Path, run_folder: Path) -> None:
    """The first run writes a ballot and says what is missing; the second counts votes beside the printed share."""
    recipe, out = read_recipe("humour"), tmp_path / "out"
    told = [*model_options(recipe, tmp_path / "models"), *data_options(recipe, tmp_path / "data", run_folder)]
    place = told.index(next(word for word in told if word.startswith("votes=")))
    votes = Path(told.pop(place).partition("=")[2])
    told.pop(place - 1)
    told += ["--train", "max_steps=1", "--train", "epochs=1", "--limit", "2", "--split", "all", "--out", out]
    with pytest.raises(UnfinishedError, match="1 thing is missing"):
        run("humour", *told)
    assert (out / "humour" / "emovit" / "ballot.html").is_file()
    key = json.loads((out / "humour" / "emovit" / "key.json").read_text())
    votes.mkdir()
    for voter, winner in enumerate(("model", "model", "people"), 1):
        said = {
            i: side if winner == "model" else "BA"["AB".index(side)] for i, side in key["model_side"].items()
        }
        (votes / f"{voter}.json").write_text(
            json.dumps({"ballot": key["ballot"], "voter": voter, "votes": said})
        )
    assert run("humour", *told, "--data", f"votes={votes}").exit_code == 0
    share, _ = cells(out / "humour")
    assert (float(share["value"]), share["n"], share["printed"]) == (pytest.approx(2 / 3), "6", "0.6")
