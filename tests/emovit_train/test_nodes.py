"""Two processes as two machines, each with a disk of its own; they meet by torchrun, as docs/gpus.md has it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from emogen.errors import InputError
from emovit_train import train as training
from emovit_train.ranks import Ranks
from emovit_train.report import REPORT, TrainReport
from emovit_train.resume import STATE
from emovit_train.run import assemble, read_data
from emovit_train.train import train
from tests.emovit_train.conftest import tiny_settings
from tests.emovit_train.processes import LIMIT_S, _free_port
from tests.emovit_train.test_ranks import assert_same_weights, losses

NODES = 2
EPOCHS = 5
TOLD = {"epochs": EPOCHS, "batch_size": 2, "lr": 1e-4, "feature_cache": "cache", "views": 2}


class Others(Ranks):
    """The first of two processes; the second one has found the same, but for what is said here."""

    def gather(self, value: Any) -> list[Any]:
        return [value, {**value, **FOUND}]


FOUND: dict[str, Any] = {}


@pytest.mark.parametrize("what", [None, "rows", "settings", "weights to begin with", "frozen weights"])
def test_machines_with_other_files(
    what: str | None, tiny_folder: Path, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process with other rows, settings or weights than the first is named before anything is trained."""
    settings = tiny_settings(tiny_folder)
    alone = Ranks(0, 1, torch.device("cpu"))
    run = assemble(settings, alone, tmp_path, read_data(run_folder, None, settings))
    two = replace(run, ranks=Others(0, 2, torch.device("cpu")))
    monkeypatch.setitem(FOUND, what or "nothing of it", "another")
    if what is None:
        training._refuse_other_inputs(two)
        return
    with pytest.raises(InputError, match=f"process 1 has other {what} than the first one"):
        training._refuse_other_inputs(two)


def command(node: int, port: str, model: Path) -> Sequence[str]:
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nnodes",
        str(NODES),
        "--nproc-per-node",
        "1",
    ]
    meeting = ["--node-rank", str(node), "--master-addr", "127.0.0.1", "--master-port", port]
    program = [
        "-m",
        "emovit_train",
        "train",
        "data",
        "--model",
        str(model),
        "--out",
        "out",
        "--device",
        "cpu",
    ]
    told = [word for name, value in TOLD.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return [*launcher, *meeting, *program, *told, "--save-every", "3"]


@contextmanager
def nodes(folders: Sequence[Path], model: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start the command on each machine, in its own folder; what still runs at the end is killed."""
    port = _free_port()
    started = [
        subprocess.Popen(
            command(number, port, model),
            cwd=folder,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        for number, folder in enumerate(folders)
    ]
    try:
        yield started
    finally:
        for process in started:
            for pid in (*workers_of(process.pid), process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()


def workers_of(launcher: int) -> list[int]:
    """Return the processes that torchrun started: they outlive it where it is killed."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children")
    return [int(pid) for pid in children.read_text().split()] if children.exists() else []


@pytest.mark.slow
def test_two_machines_train_as_one(tiny_folder: Path, run_folder: Path, tmp_path: Path) -> None:
    """Killed and started again, two machines that share no disk end with the losses and weights of one process."""
    folders = [tmp_path / f"node{number}" for number in range(NODES)]
    for folder in folders:
        folder.mkdir()
        shutil.copytree(run_folder, folder / "data")
    first = folders[0] / "out"
    with nodes(folders, tiny_folder) as running:
        deadline = time.monotonic() + LIMIT_S
        while not (first / STATE).exists():
            assert all(process.poll() is None for process in running)
            assert time.monotonic() < deadline
            time.sleep(0.01)
    with nodes(folders, tiny_folder) as running:
        assert [process.wait(LIMIT_S) for process in running] == [0, 0]
    alone = tmp_path / "alone"
    told = {**TOLD, "feature_cache": str(tmp_path / "cache")}
    train(run_folder, alone, tiny_settings(tiny_folder, **told, accumulate=NODES, save_every=3))
    # Sums in another order differ in their last bits, and the steps after them a little more.
    assert losses(first)[:8] == pytest.approx(losses(alone)[:8], abs=3e-5)
    assert losses(first) == pytest.approx(losses(alone), abs=1e-4)
    assert_same_weights(first, alone, atol=1e-4)
    assert TrainReport.model_validate_json((first / REPORT).read_text()).processes == NODES
    assert not (folders[1] / "out").exists()
    kept = [sorted(path.name for path in (folder / "cache").glob("*.safetensors")) for folder in folders]
    assert kept[0] == kept[1] != []
    assert json.loads((folders[1] / "cache" / "cache.json").read_text())["views"] == 2
