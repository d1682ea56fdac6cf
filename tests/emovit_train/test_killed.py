"""Runs that are killed, and disks that are full: what was saved stays, and the run goes on bit for bit."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from emogen.errors import EmovitError, InputError
from emovit_train.checkpoint import read_config
from emovit_train.metrics import METRICS
from emovit_train.resume import STATE, read_state
from emovit_train.settings import TrainSettings
from emovit_train.stepping import Stepper
from emovit_train.train import train
from tests.emovit_train.conftest import tiny_settings
from tests.emovit_train.processes import run_job

# The n-th file that is moved into place: 1 and 2 are metrics, then the state after each step but the last, then the
# checkpoint's tensors and configuration, the curve and the report.
RENAMES = 8
MOMENTS = (
    [("rename", n) for n in range(1, RENAMES + 1)]
    + [("step", n) for n in (1, 3, 4)]
    + [("half", 1), ("half", 2)]
)


def saving(folder: Path) -> TrainSettings:
    return tiny_settings(folder, epochs=2, save_every=1)


def steps(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    return [{name: each for name, each in line.items() if name != "seconds"} for line in lines]


@pytest.mark.slow
def test_killed_run_goes_on_bit_for_bit(tiny_folder: Path, run_folder: Path, tmp_path: Path) -> None:
    """After SIGKILL in a step, in half of a state and between any two files, the weights end as if nothing had been."""
    settings = saving(tiny_folder)
    run_job(
        tmp_path,
        kind="killed",
        data=run_folder,
        settings=settings.model_dump(mode="json"),
        moments=MOMENTS,
    )
    train(run_folder, tmp_path / "alone", settings)
    for number, moment in enumerate(MOMENTS):
        killed = tmp_path / f"killed-{number}"
        assert read_config(killed) == read_config(tmp_path / "alone"), moment
        assert steps(killed) == steps(tmp_path / "alone"), moment
        left = {path.name for path in killed.iterdir()} - {
            path.name for path in (tmp_path / "alone").iterdir()
        }
        assert all(name.startswith(".emogen-") for name in left), moment


@pytest.mark.usefixtures("quick")
def test_full_disk_keeps_the_last_good_state(
    tiny_folder: Path, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a state finds no room, the one before stays and nothing else; with room again, the run ends as ever."""
    settings, whole, saved = saving(tiny_folder), torch.save, 0

    def full(value: Any, path: Path) -> None:
        nonlocal saved
        saved += 1
        whole(value, path)
        if saved == 2:
            os.truncate(path, path.stat().st_size // 2)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        with pytest.raises(InputError, match=r"No space left.*after step 2; the state after step 1 is kept"):
            train(run_folder, tmp_path / "full", settings)
    state = read_state(tmp_path / "full")
    assert state is not None
    assert state.step == 1
    assert not list((tmp_path / "full").glob(".emogen-*"))
    for name in ("full", "alone"):
        train(run_folder, tmp_path / name, settings)
    assert read_config(tmp_path / "full") == read_config(tmp_path / "alone")


@pytest.mark.usefixtures("quick")
def test_after_nan_the_last_good_state_is_kept(
    tiny_folder: Path, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss that is no number keeps the state before it, and says that the same command would meet it again."""
    step = Stepper.step

    def break_third(self: Stepper, *told: Any) -> Any:
        if (state := read_state(tmp_path)) and state.step == 2:
            with torch.no_grad():
                self.model.query_tokens.fill_(float("nan"))
        return step(self, *told)

    monkeypatch.setattr(Stepper, "step", break_third)
    for _ in range(2):
        with pytest.raises(
            EmovitError, match=r"loss is nan at step 3, .* after step 2 is kept.*would meet it again"
        ):
            train(run_folder, tmp_path, saving(tiny_folder))
        state = read_state(tmp_path)
        assert state is not None
        assert state.step == 2
        assert all(each.isfinite().all() for each in state.tensors.values())
    assert (tmp_path / STATE).exists()
