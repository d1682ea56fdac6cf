"""Runs trainings in processes of their own: several that train together, and such that are killed.

`python -m tests.emovit_train.processes JOB` does what the functions of the same names ask for, as told by a file.
It imports torch once and forks before there is any thread, so that a process more costs next to nothing.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from emovit_train.ranks import open_ranks
from emovit_train.settings import TrainSettings
from emovit_train.train import train
from tests.emovit_train.one_step import step_gradients

ROOT = Path(__file__).parents[2]
# Against what hangs: on a machine that others use, too, a minute's work takes several.
LIMIT_S = 600
QUESTIONS = [
    ("What?", "It is red."),
    ("What is in the image?", "It is blue or white."),
    ("What is it?", "red"),
]


def run_job(folder: Path, **job: Any) -> None:
    """Run a job in a process of its own, and fail with what it printed where it failed."""
    file = folder / "job.json"
    file.write_text(json.dumps({**job, "folder": folder}, default=str))
    command = [sys.executable, "-m", "tests.emovit_train.processes", str(file)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def pixels(count: int) -> torch.Tensor:
    return torch.randn(count, 3, 28, 28, generator=torch.Generator().manual_seed(1))


def _together(job: dict[str, Any]) -> None:
    """Train with two processes, one job after the other; note what the second one wrote into the jobs' folders."""
    # One meeting place for each time that they meet: the second process may still be leaving the one before.
    ports = [_free_port() for _ in range(len(job["runs"]) + 1)]
    os.environ |= {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    second = os.fork()
    os.environ["RANK"] = "0" if second else "1"
    os.environ["LOCAL_RANK"] = os.environ["RANK"]
    written: list[str] = []
    if not second:
        sys.addaudithook(_note_writes(Path(job["folder"]), written))
    failed = _failed(lambda: _as_rank(job, ports))
    if not second:
        if not failed and written:
            print(f"the second process wrote {written}")
        os._exit(failed or bool(written))
    _, status = os.waitpid(second, 0)
    sys.exit(failed or os.waitstatus_to_exitcode(status))


def _free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def _as_rank(job: dict[str, Any], ports: list[str]) -> None:
    for run in job["runs"]:
        os.environ["MASTER_PORT"] = ports.pop()
        train(Path(job["data"]), Path(run["out"]), TrainSettings.model_validate(run["settings"]))
    os.environ["MASTER_PORT"] = ports.pop()
    with open_ranks("cpu") as ranks:
        for number, told in enumerate(job["steps"]):
            result = step_gradients(ranks=ranks, data=job["data"], **told)
            if ranks.is_first:
                torch.save(result, Path(job["folder"]) / f"step-{number}.pt")


def _note_writes(folder: Path, written: list[str]) -> Callable[[str, Any], None]:
    def hook(event: str, arguments: Any) -> None:
        reads = event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        if reads or event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"):
            return
        if str(arguments[0]).startswith(str(folder)):
            written.append(f"{event} {arguments[0]}")

    return hook


def _killed(job: dict[str, Any]) -> None:
    """Train anew for each moment; be killed at it, by SIGKILL, and go on."""
    for number, (what, count) in enumerate(job["moments"]):
        out = Path(job["folder"]) / f"killed-{number}"
        for attempt in ("killed", "resumed"):
            child = os.fork()
            if not child:
                if attempt == "killed":
                    _kill_at(what, count)
                settings = TrainSettings.model_validate(job["settings"])
                os._exit(_failed(lambda out=out, told=settings: train(Path(job["data"]), out, told)))
            _, status = os.waitpid(child, 0)
            wanted = -signal.SIGKILL if attempt == "killed" else 0
            if os.waitstatus_to_exitcode(status) != wanted:
                sys.exit(f"{what} {count}: {attempt}, but it ended with {status}")


def _kill_at(what: str, count: int) -> None:
    """Kill this process as a file is moved into place, half a state is written or a step made for the count-th time."""
    left = count

    def passed() -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    if what == "rename":
        sys.addaudithook(lambda event, _: passed() if event == "os.rename" else None)
    elif what == "step":
        register_optimizer_step_pre_hook(lambda *_: passed())
    else:
        whole = torch.save

        def half(value: Any, path: Path) -> None:
            whole(value, path)
            os.truncate(path, path.stat().st_size // 2)
            passed()
            whole(value, path)

        torch.save = half  # type: ignore[assignment]


def _failed(work: Callable[[], object]) -> int:
    try:
        work()
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _import_early() -> None:
    """Import what a training imports late: else every forked process would do so again."""
    import matplotlib.pyplot
    import transformers
    from transformers.models.instructblip import modeling_instructblip
    from transformers.models.llama import modeling_llama
    from transformers.models.t5 import modeling_t5

    late = (matplotlib.pyplot, modeling_instructblip, modeling_llama, modeling_t5)
    assert all((*late, transformers.AutoTokenizer, transformers.InstructBlipForConditionalGeneration))


if __name__ == "__main__":
    _import_early()
    told = json.loads(Path(sys.argv[1]).read_text())
    {"together": _together, "killed": _killed}[told.pop("kind")](told)
