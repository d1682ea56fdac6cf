"""A training run: what falls, what stays, what is written, and how it ends when something goes wrong."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import emovit_train.train as loop
from emogen.errors import CheckFailedError, EmovitError, InputError
from emovit_train.checkpoint import CONFIG, load_checkpoint, read_config
from emovit_train.model import EmoVIT
from emovit_train.settings import TrainReport, TrainSettings
from emovit_train.train import METRICS, REPORT, Stopped, train


@pytest.fixture(scope="session")
def report(tuned_folder: Path) -> TrainReport:
    return TrainReport.model_validate_json((tuned_folder / REPORT).read_text())


def test_loss_falls_on_training_rows(report: TrainReport) -> None:
    """Tuning takes more than a third off the loss on what is trained on."""
    assert report.loss_end < 0.66 * report.loss_start
    assert report.held_out_loss_start is not None


def test_frozen_tensors_are_bit_identical(
    tuned_folder: Path, tiny_model: EmoVIT, report: TrainReport
) -> None:
    """Encoder and language model have the same bits after training, by the report and by a fresh load."""
    assert report.frozen_sha256_before == report.frozen_sha256_after
    tuned = load_checkpoint(tuned_folder)
    fresh = tiny_model.state_dict()
    for name, tensor in tuned.frozen_tensors().items():
        assert torch.equal(tensor, fresh[name]), name
    for name in (
        "query_tokens",
        "projection.weight",
        "qformer.encoder.layer.0.crossattention.attention.value.weight",
    ):
        assert not torch.equal(tuned.state_dict()[name], fresh[name]), name


def test_report_counts_what_was_there(report: TrainReport, tuned_folder: Path) -> None:
    """Rows, photographs, steps and parameters are those of the run."""
    assert (report.rows, report.images, report.held_out_rows) == (6, 3, 2)
    assert report.steps == 240
    tuned = load_checkpoint(tuned_folder)
    assert report.trained_parameters == sum(tensor.numel() for tensor in tuned.trained_tensors().values())
    assert len(read_config(tuned_folder).trained_images) == 3


def test_metrics_have_a_line_per_step(tuned_folder: Path) -> None:
    """Every step is a line with its loss, learning rate and gradient norm."""
    lines = [json.loads(line) for line in (tuned_folder / METRICS).read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 241))
    assert {"loss", "lr", "gradient_norm", "answer_tokens", "epoch", "rows"} <= lines[0].keys()


def test_same_seed_gives_the_same_weights(run_folder: Path, settings: TrainSettings, tmp_path: Path) -> None:
    """Two runs with the same settings end in the same loss, to the last bit."""
    short = settings.model_copy(update={"max_steps": 3})
    ends = [train(run_folder, tmp_path / name, short) for name in ("a", "b")]
    assert ends[0].steps == 3
    assert ends[0].loss_end == ends[1].loss_end
    assert read_config(tmp_path / "a") == read_config(tmp_path / "b")


def test_existing_checkpoint_is_not_replaced(
    run_folder: Path, settings: TrainSettings, tuned_folder: Path
) -> None:
    """Without `--overwrite`, a folder that holds a model is refused."""
    with pytest.raises(InputError, match="a model lies here already"):
        train(run_folder, tuned_folder, settings)


def test_nan_ends_the_run_and_saves_nothing(
    run_folder: Path, settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss that is no number names the step, and leaves nothing but the lock behind."""
    monkeypatch.setattr(loop, "mean_loss", lambda *_: 1.0)
    monkeypatch.setattr(EmoVIT, "forward", lambda *_: torch.tensor([float("nan")], requires_grad=True))
    with pytest.raises(EmovitError, match="the loss is nan at step 1"):
        train(run_folder, tmp_path / "out", settings)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


def test_changed_frozen_tensor_fails_the_run(
    run_folder: Path, settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If training ever changed a frozen tensor, the run would fail instead of saving."""

    def meddle(model: EmoVIT, *_: Any) -> tuple[int, bool]:
        with torch.no_grad():
            next(model.language_model.parameters()).add_(1)
        return 1, True

    monkeypatch.setattr(loop, "_fit", meddle)
    with pytest.raises(CheckFailedError, match="changed a tensor that is frozen"):
        train(run_folder, tmp_path, settings)
    assert not (tmp_path / CONFIG).exists()


def test_interrupted_run_saves_its_last_state(
    run_folder: Path, settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C during the second step ends the run after it, with a checkpoint that loads."""

    @contextmanager
    def pressing(*_: Any) -> Iterator[Any]:
        steps = 0

        def advance(step: int = 1, *, note: str = "") -> None:
            nonlocal steps
            steps += step
            if steps == 2:
                os.kill(os.getpid(), signal.SIGINT)

        yield advance

    monkeypatch.setattr(loop, "progress", pressing)
    with pytest.raises(Stopped, match="after step 2"):
        train(run_folder, tmp_path, settings)
    load_checkpoint(tmp_path)
    assert not (tmp_path / REPORT).exists()
