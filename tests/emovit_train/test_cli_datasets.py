"""`emovit_train datasets` as a new user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from emogen.errors import CheckFailedError, InputError
from emovit_train.cli import app
from tests.emovit_train.evaluation.datasets import dataset_layouts as layouts


def call(*words: object) -> Any:
    return CliRunner().invoke(app, ["datasets", *map(str, words)], catch_exceptions=False)


def test_list_names_all() -> None:
    """Each data set with its tasks, for people and for programs."""
    assert "webemo" in call("list").output
    assert json.loads(call("list", "--json").output)["webemo"]["images"] == 267_441


def test_check_tells_and_fails(tmp_path: Path) -> None:
    """What is there is printed before the command fails on what is wrong; the first ten problems, or all."""
    root = layouts.emotionroi(tmp_path / "copy")
    for number in range(20):
        layouts.image(root / "images" / "joy" / f"new{number}.jpg")
    done = CliRunner().invoke(app, ["datasets", "check", str(root)])
    assert isinstance(done.exception, CheckFailedError)
    assert "emotionroi-6, 18 of 1,980 images" in done.output
    assert "test 6, train 12" in done.output
    assert done.output.count("in neither list") == 10
    assert "and 18 more" in done.output
    done = CliRunner().invoke(app, ["datasets", "check", str(root), "--show", "1000"])
    assert done.output.count("in neither list") == 20
    done = CliRunner().invoke(app, ["datasets", "check", str(root), "--json"])
    assert len(json.loads(done.output)["wrong"]) == 28


def test_check_passes_what_is_sound(tmp_path: Path) -> None:
    """A folder of one's own has no published counts to fall short of; --decode finds that it holds no images."""
    root = layouts.class_folders(tmp_path / "own")
    assert "labelled-mikels-8, 4 images" in call("check", root).output
    done = CliRunner().invoke(app, ["datasets", "check", str(root), "--decode"])
    assert isinstance(done.exception, CheckFailedError)
    assert "not an image" in done.output


def test_dead_links_explain_no_lost_label(tmp_path: Path) -> None:
    """FI may be short of images, which is a note; a copy in which an emotion has none left is a broken one."""
    root = layouts.fi_flat(tmp_path / "fi")
    assert "8 images instead of 23,308" in call("check", root).output
    next((root / "emotion_dataset_images").glob("awe_*")).unlink()
    done = CliRunner().invoke(app, ["datasets", "check", str(root)])
    assert isinstance(done.exception, CheckFailedError)
    assert "wrong      awe: no image at all" in done.output
    assert "1 thing is wrong" in str(done.exception)


def test_ids_of_a_split(tmp_path: Path) -> None:
    """The list that results are about, and an error where it is empty."""
    root = layouts.emotionroi(tmp_path / "copy")
    assert call("ids", root).output.split() == [f"{emotion}/3" for emotion in layouts.EKMAN]
    with pytest.raises(InputError, match="no image is in the split val"):
        call("ids", root, "--split", "val")
