"""Two processes, and one: the same training. Processes that are killed: the same, too."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from emovit_train.checkpoint import load_checkpoint, read_config
from emovit_train.metrics import METRICS
from emovit_train.ranks import Ranks
from emovit_train.report import REPORT, TrainReport
from emovit_train.resume import read_state
from emovit_train.settings import TrainSettings
from emovit_train.text import collate
from emovit_train.train import train
from tests.emovit_train.conftest import tiny_settings
from tests.emovit_train.one_step import (
    LANES,
    NORMS,
    VIEWS,
    assembled,
    examples_of,
    pixels_of,
    step_gradients,
)
from tests.emovit_train.processes import LIMIT_S, run_job
from tests.emovit_train.reference import reference_step

ONE = Ranks(0, 1, torch.device("cpu"))


def uneven(folder: Path, loss_norm: str, **told: Any) -> TrainSettings:
    """Two photographs fall to one of two batches, one to the other: some steps have an empty one."""
    return tiny_settings(folder, epochs=1, batch_size=2, loss_norm=loss_norm, **told)


@dataclass(frozen=True)
class Together:
    """What two processes made.

    Attributes:
        folder: Holds a run for each norm, and the gradients of the steps.
        norms: Of the loss.
        steps: What single steps were told.
    """

    folder: Path
    norms: Sequence[str]
    steps: Sequence[dict[str, Any]]


@pytest.fixture(scope="module", params=["few", pytest.param("all", marks=pytest.mark.slow)])
def together(
    request: pytest.FixtureRequest,
    tiny_folder: Path,
    tiny_t5_folder: Path,
    run_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Together:
    folder = tmp_path_factory.mktemp("together")
    steps = [
        {"model_folder": str(model), "cache": str(folder / f"{model.name}-{views}"), "views": views, **told}
        for model in (tiny_folder, tiny_t5_folder)
        for views in VIEWS
        for told in ({"loss_norm": norm, "lanes": lanes} for norm in NORMS for lanes in LANES.values())
    ]
    for step in steps:
        # The first process of a run fills the cache, and the others read it.
        if step["views"] == "cached":
            step_gradients(**step, data=run_folder, ranks=ONE)
    made = Together(folder, ["sample"] if request.param == "few" else NORMS, steps)
    runs = [
        {"out": folder / norm, "settings": uneven(tiny_folder, norm).model_dump(mode="json")}
        for norm in made.norms
    ]
    run_job(folder, kind="together", data=run_folder, runs=runs, steps=made.steps)
    return made


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / METRICS).read_text().splitlines()]


def assert_same_weights(ours: Path, theirs: Path, atol: float = 1e-5) -> None:
    there = load_checkpoint(theirs).trained_tensors()
    for name, tensor in load_checkpoint(ours).trained_tensors().items():
        # A softmax does not see a bias of its keys: that gradient is rounding, which Adam makes large.
        if not name.endswith(".key.bias"):
            torch.testing.assert_close(tensor, there[name], atol=atol, rtol=1e-4, msg=name)


def test_two_processes_train_as_one(
    together: Together, tiny_folder: Path, run_folder: Path, tmp_path: Path
) -> None:
    """Two batches of a step give the same losses and weights on two processes, of which only the first one writes."""
    for norm in together.norms:
        there, here = together.folder / norm, tmp_path / norm
        train(run_folder, here, uneven(tiny_folder, norm, accumulate=2))
        assert losses(there) == pytest.approx(losses(here), abs=1e-5)
        assert_same_weights(there, here)
        assert TrainReport.model_validate_json((there / REPORT).read_text()).processes == 2


def transformers_step(folder: Path, norm: str, data: Path) -> tuple[float, dict[str, Tensor]]:
    """Return loss and gradients of ROWS by transformers: of all tokens at once, or the mean over the rows."""
    model = assembled(folder)
    examples = examples_of(model, data)
    pixels, texts = pixels_of(model, examples), [each.text for each in examples]
    if norm == "token":
        return reference_step(folder, pixels, collate(texts, model.codec))
    each = [
        reference_step(folder, pixels[n : n + 1], collate([text], model.codec))
        for n, text in enumerate(texts)
    ]
    mean = {name: sum(gradients[name] for _, gradients in each) / len(each) for name in each[0][1]}
    return sum(loss for loss, _ in each) / len(each), mean  # type: ignore[return-value]


def test_steps_are_those_of_transformers(together: Together, run_folder: Path) -> None:
    """Loss and every gradient equal transformers' to 1e-5.

    By both kinds of language model, features fresh, kept and from disk; rows padded, accumulated and cut by length;
    normalised by tokens and by rows; on one process and on two.
    """
    wanted = functools.cache(transformers_step)
    for number, told in enumerate(together.steps):
        loss, theirs = wanted(Path(told["model_folder"]), told["loss_norm"], run_folder)
        alone = step_gradients(**told, data=run_folder, ranks=ONE)
        for ours in (alone, torch.load(together.folder / f"step-{number}.pt", weights_only=True)):
            assert ours["loss"] == pytest.approx(loss, abs=1e-5), told
            assert ours["gradients"].keys() == theirs.keys()
            for name, gradient in theirs.items():
                torch.testing.assert_close(
                    ours["gradients"][name], gradient, atol=1e-5, rtol=1e-5, msg=f"{told} {name}"
                )
        assert max(float(gradient.abs().max()) for gradient in theirs.values()) > 0.01


@pytest.mark.slow
def test_torchrun_ends_on_sigterm_and_goes_on(tiny_folder: Path, run_folder: Path, tmp_path: Path) -> None:
    """SIGTERM to torchrun's processes saves the state of one step; the same command ends as an undisturbed run."""
    epochs = 40

    def command(out: Path) -> list[str]:
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        told = ["--epochs", str(epochs), "--batch-size", "2", "--lr", "1e-4", "--device", "cpu"]
        program = ["-m", "emovit_train", "train", str(run_folder), "--model", str(tiny_folder)]
        return [*launcher, *program, "--out", str(out), *told]

    stopped, alone = tmp_path / "stopped", tmp_path / "alone"
    with subprocess.Popen(command(stopped), start_new_session=True) as running:
        deadline = time.monotonic() + LIMIT_S
        while not (stopped / METRICS).exists() or len(losses(stopped)) < 5:
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGTERM)
        assert running.wait(LIMIT_S) != 0
    state, config = read_state(stopped), read_config(stopped)
    assert state is not None
    assert config.made is not None
    assert config.made.step == state.step
    assert len(losses(stopped)) == state.step < 4 * epochs
    for out in (stopped, alone):
        subprocess.run(command(out), check=True, timeout=LIMIT_S)
    assert losses(stopped) == losses(alone)
    assert read_config(stopped) == read_config(alone)
