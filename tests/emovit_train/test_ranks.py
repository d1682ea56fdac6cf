"""Two processes, and one: the same training. Processes that are killed: the same, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from emovit_train.checkpoint import load_checkpoint
from emovit_train.metrics import METRICS
from emovit_train.ranks import Ranks
from emovit_train.report import REPORT, TrainReport
from emovit_train.settings import TrainSettings
from emovit_train.text import collate
from emovit_train.train import train
from tests.emovit_train.conftest import assemble_tiny, tiny_settings
from tests.emovit_train.processes import QUESTIONS, pixels, run_job, step_gradients
from tests.emovit_train.reference import reference_step

NORMS = ("token", "sample")
ONE = Ranks(0, 1, torch.device("cpu"))


def uneven(folder: Path, loss_norm: str, **told: Any) -> TrainSettings:
    """Six rows in steps of five and one: the second of two processes has fewer rows, or none at all."""
    return tiny_settings(folder, batch_size=5, loss_norm=loss_norm, **told)


@pytest.fixture(scope="module")
def together(
    tiny_folder: Path, tiny_t5_folder: Path, run_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What two processes made: a run for each norm of the loss, and the gradients of single steps."""
    folder = tmp_path_factory.mktemp("together")
    runs = [
        {"out": folder / norm, "settings": uneven(tiny_folder, norm, micro_batch=2).model_dump(mode="json")}
        for norm in NORMS
    ]
    run_job(folder, kind="together", data=run_folder, runs=runs, steps=steps(tiny_folder, tiny_t5_folder))
    return folder


def steps(vicuna: Path, t5: Path) -> list[dict[str, Any]]:
    return [
        {"model_folder": str(model), "loss_norm": norm, "micro_batch": micro_batch}
        for model in (vicuna, t5)
        for norm in NORMS
        for micro_batch in (None, 1)
    ]


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / METRICS).read_text().splitlines()]


def assert_same_weights(ours: Path, theirs: Path) -> None:
    there = load_checkpoint(theirs).trained_tensors()
    for name, tensor in load_checkpoint(ours).trained_tensors().items():
        # A softmax does not see a bias of its keys: that gradient is rounding, which Adam makes large.
        if not name.endswith(".key.bias"):
            torch.testing.assert_close(tensor, there[name], atol=1e-5, rtol=1e-4, msg=name)


@pytest.mark.parametrize("norm", NORMS)
def test_two_processes_train_as_one(
    norm: str, together: Path, tiny_folder: Path, run_folder: Path, tmp_path: Path
) -> None:
    """The same rows in a step give the same losses and weights on two processes, of which only the first one writes."""
    train(run_folder, tmp_path, uneven(tiny_folder, norm))
    assert losses(together / norm) == pytest.approx(losses(tmp_path), abs=1e-5)
    assert_same_weights(together / norm, tmp_path)
    assert TrainReport.model_validate_json((together / norm / REPORT).read_text()).processes == 2


def transformers_step(folder: Path, norm: str) -> tuple[float, dict[str, Tensor]]:
    """Return loss and gradients of QUESTIONS by transformers: of all tokens at once, or the mean over the rows."""
    model = assemble_tiny(folder)
    texts = [model.codec.encode(*each) for each in QUESTIONS]
    if norm == "token":
        return reference_step(folder, pixels(len(texts)), collate(texts, model.codec))
    each = [
        reference_step(folder, pixels(len(texts))[n : n + 1], collate([text], model.codec))
        for n, text in enumerate(texts)
    ]
    mean = {name: sum(gradients[name] for _, gradients in each) / len(each) for name in each[0][1]}
    return sum(loss for loss, _ in each) / len(each), mean  # type: ignore[return-value]


def test_steps_are_those_of_transformers(tiny_folder: Path, tiny_t5_folder: Path, together: Path) -> None:
    """Loss and every gradient equal transformers' to 1e-5: accumulated or not, on one process and on two."""
    for number, told in enumerate(steps(tiny_folder, tiny_t5_folder)):
        folder = Path(told["model_folder"])
        loss, theirs = transformers_step(folder, told["loss_norm"])
        alone = step_gradients(**{**told, "model_folder": folder}, ranks=ONE)
        for ours in (alone, torch.load(together / f"step-{number}.pt", weights_only=True)):
            assert ours["loss"] == pytest.approx(loss, abs=1e-5), told
            assert ours["gradients"].keys() == theirs.keys()
            for name, gradient in theirs.items():
                torch.testing.assert_close(
                    ours["gradients"][name], gradient, atol=1e-5, rtol=1e-5, msg=f"{told} {name}"
                )
    assert max(float(gradient.abs().max()) for gradient in theirs.values()) > 0.01
