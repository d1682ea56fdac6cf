"""What a run is made of: the rows that are chosen, and what is asked about them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from emogen.errors import InputError, UnknownNameError
from emogen.protocol import categorical_question
from emovit_train.answering import Asked, show_answers
from emovit_train.checkpoint import save_checkpoint
from emovit_train.evaluation.evaluate import evaluate
from emovit_train.evaluation.items import choose_images
from emovit_train.evaluation.predictors import assembly, open_predictor
from emovit_train.ranks import Ranks
from emovit_train.run import assemble, read_data
from emovit_train.settings import TrainSettings
from tests.emovit_train.conftest import LABELS, sample_rows, tiny_settings
from tests.emovit_train.test_cli import call, error_of

ONE = Ranks(0, 1, torch.device("cpu"))


@pytest.fixture
def captioned(run_folder: Path, tmp_path: Path) -> Path:
    """The run, with a caption of every photograph but one."""
    folder = tmp_path / "captioned"
    shutil.copytree(run_folder, folder)
    rows = sample_rows()
    for row in rows[2:]:
        row["record"]["caption"] = f"All is {row['record']['id']}."
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    records = {row["record"]["id"]: row["record"] for row in rows}
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records.values()))
    return folder


def chosen(run_folder: Path, tiny_folder: Path, **told: Any) -> tuple[list[str], int]:
    data = read_data(run_folder, None, tiny_settings(tiny_folder, **told))
    return [f"{row.record_id} {row.instruction}" for row in data.training], len(data.held_out)


def test_types_and_portion_choose_what_is_trained_on(run_folder: Path, tiny_folder: Path) -> None:
    """Of the training rows those of the types and of a share of the photographs stay; the held-out ones all do."""
    every, held_out = chosen(run_folder, tiny_folder)
    assert (len(every), held_out) == (6, 2)
    only, held_out = chosen(run_folder, tiny_folder, types="categorical")
    assert only == [row for row in every if "categorical" in row]
    assert held_out == 2
    weighed, _ = chosen(run_folder, tiny_folder, types={"categorical": 2, "conversation": 1})
    assert [sum(name in row for row in weighed) for name in ("categorical", "conversation")] == [3, 1]
    with pytest.raises(UnknownNameError, match="Did you mean 'conversation'"):
        chosen(run_folder, tiny_folder, types="conversatoin")


def test_the_command_takes_types_and_portion(run_folder: Path, tiny_folder: Path, tmp_path: Path) -> None:
    """Options and file are read alike, kept in the record, and what cannot be read names its option."""
    told = ("train", run_folder, "--model", tiny_folder, "--max-steps", 1)
    out = tmp_path / "out"
    trained = call(*told, "--out", out, "--types", "categorical=1,conversation=1", "--portion", "50%")
    assert "rows       6 about 3 images" in trained.output
    kept = json.loads((out / "train.json").read_text())["settings"]
    assert (kept["types"], kept["portion"]) == ({"categorical": 1.0, "conversation": 1.0}, 0.5)
    config = tmp_path / "run.yaml"
    config.write_text("types: {categorical: 1}\nportion: 10%\n")
    again = ("train", run_folder, "--model", tiny_folder, "--max-steps", 1, "--overwrite", "--out", out)
    assert "rows       3 about 3 images" in call(*again, "--config", config).output
    assert (
        "rows       6"
        in call(*again, "--config", out / "train.json", "--types", "categorical,conversation").output
    )
    for option, wrong in (("--types", "categorical=0"), ("--portion", "120%"), ("--portion", "much")):
        assert error_of(*told, "--out", tmp_path / "other", option, wrong).where == option
    config.write_text("portion: 2\n")
    assert str(error_of(*again, "--config", config)).startswith(f"{config}:1: portion")


def test_captions_precede_what_is_learnt_and_asked(
    captioned: Path, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """A model tuned with captions meets them in training rows, sample questions, evaluation and predictions."""
    settings = tiny_settings(tiny_folder, context="caption", text_norm="lavis")
    run = assemble(settings, ONE, tmp_path, read_data(captioned, None, settings))
    assert "2 of 8 rows have no caption" in capsys.readouterr().err
    asked: list[str] = []

    def generate(_model: Any, _seen: Any, questions: list[str], **_: Any) -> list[str]:
        asked.extend(questions)
        return [""] * len(questions)

    def rank(_model: Any, _seen: Any, questions: list[str], candidates: list[str]) -> Any:
        asked.extend(questions)
        return [[evaluation_score(answer) for answer in candidates] for _ in questions]

    monkeypatch.setattr("emovit_train.run.generate", generate)
    monkeypatch.setattr("emovit_train.predict.generate", generate)
    monkeypatch.setattr(assembly, "rank", rank)
    run.answers()
    question = categorical_question(LABELS)
    assert asked == [
        f"Context: All is {name}. {question}" if name != "red" else question
        for name in (Path(row.image).stem for row in run.asked)
    ]
    green = next(example for example in run.training if example.row.record_id == "green")
    assert run.model.codec.decode(green.text.prompt).startswith("context all is green")

    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    save_checkpoint(checkpoint, run.model, [])
    asked.clear()
    chosen = choose_images(captioned / "records.jsonl", captioned / "photos", None, None, "test")
    evaluate(open_predictor("checkpoint", str(checkpoint)), chosen, out=tmp_path / "evaluated")
    assert sorted(asked)[0] == f"Context: All is blue. {question}"
    assert "1 of 4 records have none" in capsys.readouterr().err
    asked.clear()
    photo = captioned / "photos" / "red.png"
    show_answers([photo], checkpoint, Asked("What?", context="A wall."))
    assert asked == ["Context: A wall. What?"]
    show_answers([photo], checkpoint, Asked("What?"))
    assert "give one with --context" in capsys.readouterr().err


def evaluation_score(answer: str) -> Any:
    from emovit_train.predict import Ranked

    return Ranked(answer, -1.0, -1.0)


def test_a_context_that_is_not_there_is_refused(
    run_folder: Path, tiny_folder: Path, tuned_folder: Path
) -> None:
    """Captions that no row has, and one for a model that was tuned without, are errors."""
    with pytest.raises(InputError, match="no row has a caption"):
        read_data(run_folder, None, tiny_settings(tiny_folder, context="caption"))
    told = ("predict", run_folder / "photos" / "red.png", "--checkpoint", tuned_folder, "--ask", "What?")
    assert error_of(*told, "--context", "A wall.").where == "--context"


def test_portions_lie_inside_each_other(run_folder: Path, tiny_folder: Path) -> None:
    """A smaller share of the photographs lies inside a larger, with or without types."""
    settings = [TrainSettings(epochs=1, batch_size=1, portion=share) for share in (0.01, 0.5, 1.0)]
    rows = [{row.image for row in read_data(run_folder, None, each).training} for each in settings]
    assert rows[0] <= rows[1] <= rows[2]
