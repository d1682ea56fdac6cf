"""Runs that begin with an earlier checkpoint."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import emovit_train.train as loop
from emogen.errors import InputError
from emovit_train.checkpoint import TENSORS, read_config
from emovit_train.settings import TrainSettings
from emovit_train.train import Stopped, train
from tests.emovit_train.conftest import tiny_settings
from tests.emovit_train.test_train import pressing

pytestmark = pytest.mark.usefixtures("quick")


def starting(folder: Path, start: Path, **told: object) -> TrainSettings:
    return tiny_settings(folder, epochs=None, max_steps=3, start=str(start), **told)


def test_it_begins_where_the_other_ended(
    tiny_folder: Path, run_folder: Path, tuned_folder: Path, tmp_path: Path
) -> None:
    """The first loss is the earlier run's last; its weights are on record by hash, its photographs as trained on."""
    earlier = loop.TrainReport.model_validate_json((tuned_folder / loop.REPORT).read_text())
    few = starting(tiny_folder, tuned_folder, portion=0.3, lr=1e-6)
    report = train(run_folder, tmp_path, few)
    assert (report.images, earlier.images) == (3, 3)
    assert report.loss_start == pytest.approx(earlier.loss_end, abs=1e-5)
    assert report.loss_end == pytest.approx(earlier.loss_end, abs=0.01)
    made = read_config(tmp_path).made
    assert made is not None
    assert made.start_sha256 == read_config(tuned_folder).tensors_sha256
    assert read_config(tmp_path).trained_images == read_config(tuned_folder).trained_images


def test_another_base_and_frozen_parts_are_refused(
    tiny_folder: Path, tiny_t5_folder: Path, run_folder: Path, tuned_folder: Path, tmp_path: Path
) -> None:
    """A checkpoint of another model, or one with parts that this run would freeze, is refused before any step."""
    with pytest.raises(InputError, match=r"tuned on another base: .*language_model"):
        train(run_folder, tmp_path, starting(tiny_t5_folder, tuned_folder))
    with pytest.raises(InputError, match=r"qformer, .* would be frozen.*--parts qformer,"):
        train(run_folder, tmp_path, starting(tiny_folder, tuned_folder, parts="projection"))
    with pytest.raises(InputError, match="no checkpoint here"):
        train(run_folder, tmp_path, starting(tiny_folder, tiny_folder.parent / "nowhere"))


def test_an_interrupted_run_goes_on_with_the_same_start(
    tiny_folder: Path,
    run_folder: Path,
    tuned_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It goes on bit for bit, and is refused where another checkpoint lies in the place of the first."""
    start = tmp_path / "start"
    shutil.copytree(tuned_folder, start)
    settings = starting(tiny_folder, start)
    with monkeypatch.context() as patched:
        patched.setattr(loop, "progress", pressing)
        with pytest.raises(Stopped, match="after step 2"):
            train(run_folder, tmp_path / "stopped", settings)
    shutil.move(start, tmp_path / "aside")
    shutil.copytree(tmp_path / "stopped", start)
    with pytest.raises(InputError, match="another checkpoint than the interrupted run began with"):
        train(run_folder, tmp_path / "stopped", settings)
    shutil.rmtree(start)
    shutil.move(tmp_path / "aside", start)
    for name in ("stopped", "alone"):
        train(run_folder, tmp_path / name, settings)
    assert (tmp_path / "stopped" / TENSORS).read_bytes() == (tmp_path / "alone" / TENSORS).read_bytes()
