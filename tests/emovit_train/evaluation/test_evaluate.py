"""Evaluation of a tuned checkpoint: groups, scores and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from emogen.errors import InputError
from emovit_train.evaluation.answers import read_lenient, read_strict
from emovit_train.evaluation.evaluate import EVALUATION, Evaluation, evaluate
from emovit_train.evaluation.items import choose_images
from emovit_train.evaluation.kept import PREDICTIONS
from emovit_train.evaluation.predictions import Prediction
from emovit_train.evaluation.predictors import PredictorOptions, open_predictor
from tests.emovit_train.conftest import LABELS
from tests.emovit_train.evaluation.datasets import dataset_layouts


def ask(
    checkpoint: Path,
    data: Path,
    out: Path,
    *,
    untuned: bool = False,
    images: Path | None = None,
    dataset: str | None = None,
    split: str = "test",
    **how: Any,
) -> tuple[Evaluation, list[Prediction]]:
    predictor = open_predictor("checkpoint", str(checkpoint), PredictorOptions(untuned=untuned))
    return evaluate(predictor, choose_images(data, images, dataset, None, split), out=out, **how)


def test_trained_photographs_are_headed_memorised(
    tuned_folder: Path, run_folder: Path, tmp_path: Path
) -> None:
    """What was trained on is scored apart, and learnt by heart; the held-out photograph is not among it."""
    result, predictions = ask(tuned_folder, run_folder / "records.jsonl", tmp_path)
    assert {group: score.n for group, score in result.splits.items()} == {"memorised": 3, "held-out test": 1}
    assert result.splits["memorised"].accuracy_sum == 1.0
    assert result.splits["memorised"].random == pytest.approx(1 / len(LABELS))
    assert result.splits["memorised"].majority == pytest.approx(1 / 3)
    assert [row.item_id for row in predictions] == ["red", "green", "blue", "white"]


def test_results_are_written(tuned_folder: Path, run_folder: Path, tmp_path: Path) -> None:
    """Each record's scores and the summary lie in the folder."""
    result, predictions = ask(tuned_folder, run_folder, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / PREDICTIONS).read_text().splitlines()]
    assert [line["item_id"] for line in lines] == [row.item_id for row in predictions]
    assert predictions[0].readings["sum"] == max(
        lines[0]["ranking"]["sums"], key=lines[0]["ranking"]["sums"].__getitem__
    )
    assert json.loads((tmp_path / EVALUATION).read_text()) == result.model_dump()


def test_untuned_model_has_learnt_nothing(tuned_folder: Path, run_folder: Path, tmp_path: Path) -> None:
    """Before tuning, the right answers are less probable than after."""
    _, before = ask(tuned_folder, run_folder, tmp_path / "untuned", untuned=True)
    _, after = ask(tuned_folder, run_folder, tmp_path / "tuned")
    for old, new in zip(before[:3], after[:3], strict=True):
        assert old.ranking is not None
        assert new.ranking is not None
        assert old.ranking.sums[str(old.label)] < new.ranking.sums[str(new.label)]


def test_free_answers_are_read(tuned_folder: Path, run_folder: Path, tmp_path: Path) -> None:
    """Asked to speak, the model's own words are in the row with both readings; unasked, there are none."""
    _, predictions = ask(tuned_folder, run_folder, tmp_path, answers=True)
    for row in predictions:
        assert row.answer is not None
        assert row.lenient == read_lenient(row.answer, LABELS, row.question)
        assert row.strict == read_strict(row.answer, LABELS)
        assert set(row.readings) == {"strict", "lenient", "sum", "mean"}
    _, silent = ask(tuned_folder, run_folder, tmp_path / "silent")
    assert {row.answer for row in silent} == {None}


def test_a_data_set_is_evaluated_in_its_layout(tuned_folder: Path, tmp_path: Path) -> None:
    """Of EmotionROI the authors' test images are ranked, with their six labels, under its name."""
    root = dataset_layouts.emotionroi(tmp_path / "copy")
    for number, emotion in enumerate(dataset_layouts.EKMAN):
        Image.new("RGB", (8, 8), (40 * number, 9, 9)).save(root / "images" / emotion / "3.jpg")
    _, predictions = ask(tuned_folder, root, tmp_path / "out", dataset="emotionroi")
    assert [row.item_id for row in predictions] == [f"{emotion}/3" for emotion in dataset_layouts.EKMAN]
    assert {row.dataset for row in predictions} == {"emotionroi-6"}
    assert {row.labels for row in predictions} == {dataset_layouts.EKMAN}
    with pytest.raises(InputError, match="no image is in the split val"):
        ask(tuned_folder, root, tmp_path / "out", dataset="emotionroi", split="val")


def test_votes_stand_in_the_predictions(tuned_folder: Path, tmp_path: Path) -> None:
    """What people voted for an image of Emotion6 is kept beside what the model says of it."""
    root = dataset_layouts.emotion6(tmp_path / "copy")
    for number, emotion in enumerate(dataset_layouts.EKMAN, 1):
        Image.new("RGB", (8, 8), (40 * number, 9, 9)).save(root / "images" / emotion / f"{number}.jpg")
    Image.new("RGB", (8, 8), "white").save(root / "images" / "joy" / "7.jpg")
    chosen = choose_images(root, None, "emotion6", "7", "all")
    _, predictions = evaluate(open_predictor("checkpoint", str(tuned_folder)), chosen, out=tmp_path / "out")
    assert {row.distribution[str(row.label)] for row in predictions if row.distribution} == {0.7}


def test_a_folder_of_images_is_no_run(tmp_path: Path) -> None:
    """Who names a folder of photographs alone is told how it is named."""
    (tmp_path / "photos").mkdir()
    with pytest.raises(InputError, match=r"photos: is no run folder.*--as"):
        choose_images(tmp_path / "photos", None, None, None, "test")


def test_photograph_decides_and_not_the_split(tuned_folder: Path, tmp_path: Path) -> None:
    """A record that says `train`, but whose photograph was never trained on, is not counted as memorised."""
    Image.new("RGB", (8, 8), "yellow").save(tmp_path / "new.png")
    record = {"id": "new", "image": "new.png", "emotion": "awe", "labels": LABELS, "split": "train"}
    (tmp_path / "records.jsonl").write_text(json.dumps(record))
    result, _ = ask(tuned_folder, tmp_path / "records.jsonl", tmp_path / "out")
    assert list(result.splits) == ["held-out"]


def test_missing_photograph_ends_it_before_any_file(
    tuned_folder: Path, run_folder: Path, tmp_path: Path
) -> None:
    """With photographs missing, nothing is written."""
    with pytest.raises(InputError, match="4 of 4 images are missing"):
        ask(tuned_folder, run_folder, tmp_path / "out", images=tmp_path)
    assert not (tmp_path / "out").exists()
