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
from emovit_train.metrics import METRICS
from emovit_train.model import EmoVIT
from emovit_train.report import REPORT, TrainReport
from emovit_train.resume import STATE
from emovit_train.settings import TrainSettings
from emovit_train.text import TextBatch
from emovit_train.train import Stopped, train


def broken_forward(_model: EmoVIT, _features: torch.Tensor, batch: TextBatch) -> torch.Tensor:
    return torch.full((int(batch.answer_mask.sum()),), float("nan"), requires_grad=True)


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


@pytest.mark.usefixtures("quick")
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
    """A loss that is no number names the step and its rows, and leaves no checkpoint behind."""
    monkeypatch.setattr("emovit_train.run.mean_loss", lambda *_: 1.0)
    monkeypatch.setattr(EmoVIT, "forward", broken_forward)
    with pytest.raises(
        EmovitError, match=r"the loss is nan at step 1, on rows of .*\.png.*nothing was saved"
    ):
        train(run_folder, tmp_path / "out", settings)
    assert not {CONFIG, "trained.safetensors", STATE} & {path.name for path in (tmp_path / "out").iterdir()}


def test_changed_frozen_tensor_fails_the_run(
    run_folder: Path, settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If training ever changed a frozen tensor, the run would fail instead of saving."""

    fit = loop._fit

    def meddle(run: Any, *others: Any) -> Any:
        with torch.no_grad():
            next(run.model.language_model.parameters()).add_(1)
        return fit(run, *others)

    monkeypatch.setattr(loop, "_fit", meddle)
    with pytest.raises(CheckFailedError, match="changed a tensor that is frozen"):
        train(run_folder, tmp_path, settings.model_copy(update={"max_steps": 1}))
    assert not (tmp_path / CONFIG).exists()


@contextmanager
def pressing(*_: Any) -> Iterator[Any]:
    """Progress that is told to end after the second step."""
    steps = 0

    def advance(step: int = 1, *, note: str = "") -> None:
        nonlocal steps
        steps += step
        if steps == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    yield advance


@pytest.mark.usefixtures("quick")
def test_interrupted_run_goes_on_bit_for_bit(
    run_folder: Path, settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM saves a checkpoint that loads; the same command ends with the weights of a run that was left alone."""
    short = settings.model_copy(update={"max_steps": 5})
    with monkeypatch.context() as patched:
        patched.setattr(loop, "progress", pressing)
        with pytest.raises(Stopped, match="after step 2"):
            train(run_folder, tmp_path / "stopped", short)
    load_checkpoint(tmp_path / "stopped")
    assert not (tmp_path / "stopped" / REPORT).exists()
    with pytest.raises(InputError, match="--lr was"):
        train(run_folder, tmp_path / "stopped", short.model_copy(update={"lr": 1e-4}))
    ends = [train(run_folder, tmp_path / name, short) for name in ("stopped", "alone")]
    assert ends[0].loss_end == ends[1].loss_end
    assert read_config(tmp_path / "stopped").tensors_sha256 == read_config(tmp_path / "alone").tensors_sha256
    lines = [json.loads(line)["step"] for line in (tmp_path / "stopped" / METRICS).read_text().splitlines()]
    assert lines == [1, 2, 3, 4, 5]
    assert not (tmp_path / "stopped" / STATE).exists()


@pytest.mark.usefixtures("quick")
def test_parts_of_a_step_change_nothing(run_folder: Path, settings: TrainSettings, tmp_path: Path) -> None:
    """Gradients gathered over parts of a step give the weights of the whole step, to 1e-5."""
    short = settings.model_copy(update={"max_steps": 3, "batch_size": 6})
    for name, size in (("whole", 1), ("parts", 3)):
        train(run_folder, tmp_path / name, short.model_copy(update={"accumulate": size}))
    whole, parts = (load_checkpoint(tmp_path / name).trained_tensors() for name in ("whole", "parts"))
    for name, tensor in whole.items():
        # A softmax does not see a bias of its keys: that gradient is rounding, which Adam makes large.
        if name.endswith(".key.bias"):
            continue
        torch.testing.assert_close(parts[name], tensor, atol=1e-5, rtol=1e-4, msg=name)


@pytest.mark.usefixtures("quick")
def test_a_run_goes_on_in_as_many_batches_per_step(
    run_folder: Path, settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted run whose steps would be dealt otherwise is refused, with both numbers."""
    short = settings.model_copy(update={"max_steps": 5, "batch_size": 4})
    with monkeypatch.context() as patched:
        patched.setattr(loop, "progress", pressing)
        with pytest.raises(Stopped, match="after step 2"):
            train(run_folder, tmp_path, short)
    with pytest.raises(InputError, match=r"a step had 1 batches, and has 2 \(1 processes x --accumulate 2\)"):
        train(run_folder, tmp_path, short.model_copy(update={"accumulate": 2}))
