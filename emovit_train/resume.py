"""What an interrupted run goes on from, bit for bit: one file, replaced whole, so that the last good one stays.

Its tensors are the trained ones and the optimizer's, about three times the checkpoint. It is gone once a run is done.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch

from emogen.atomic import replacing_path
from emogen.errors import InputError, shorten
from emovit_train.settings import FREE

if TYPE_CHECKING:
    from torch import Tensor

    from emovit_train.settings import TrainSettings

__all__ = [
    "STATE",
    "TrainingState",
    "random_state",
    "read_state",
    "refuse_other_run",
    "save_state",
    "set_random_state",
]

STATE: Final = "resume.pt"


@dataclass(frozen=True)
class TrainingState:
    """A run after a whole step.

    Attributes:
        step: Steps done; the order of rows follows from it.
        settings: What the run was told.
        rows_sha256: Of what stands in the rows.
        lanes: Batches per step, of all processes.
        start_sha256: Of the checkpoint that it began with; None where there was none.
        tensors: Name → what was trained, and what was fitted before the first step.
        optimizer: Its moments and counts.
        scaler: Of the loss, for float16.
        random: States of the random number generators, by process.
        start: What was measured before the first step.
        best: Lowest held-out loss so far.
        seconds: Time spent on the steps so far.
    """

    step: int
    settings: dict[str, Any]
    rows_sha256: str
    lanes: int
    start_sha256: str | None
    tensors: dict[str, Tensor]
    optimizer: dict[str, Any]
    scaler: dict[str, Any]
    random: list[dict[str, Any]]
    start: dict[str, Any]
    best: float | None
    seconds: float


def random_state() -> dict[str, Any]:
    """Return the state of every generator that training draws from, in this process."""
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return {"python": random.getstate(), "torch": torch.get_rng_state(), "cuda": cuda}


def set_random_state(state: Mapping[str, Any]) -> None:
    """Set the generators as `random_state` found them."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def save_state(folder: Path, state: TrainingState) -> None:
    """Write the state; a state that is there stays until the new one is whole.

    Raises:
        InputError: it cannot be written, as where the disk is full.
    """
    with replacing_path(folder / STATE) as part:
        try:
            torch.save(asdict(state), part)
        except RuntimeError as error:
            # torch's own writer knows no other error for a disk that is full.
            raise OSError(0, shorten(error, 120)) from error


def read_state(folder: Path) -> TrainingState | None:
    """Return the state of an interrupted run, on the CPU; None where there is none.

    Raises:
        InputError: it is damaged.
    """
    file = folder / STATE
    if not file.exists():
        return None
    try:
        return TrainingState(**torch.load(file, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, EOFError, TypeError, ValueError, KeyError) as error:
        raise InputError(
            f"the interrupted run cannot be read: {shorten(error, 120)}",
            where=file,
            remedy="Start anew with --overwrite.",
        ) from error


def refuse_other_run(
    state: TrainingState, settings: TrainSettings, rows_sha256: str, processes: int, folder: Path
) -> None:
    """Make sure that what was interrupted is this very run.

    Raises:
        InputError: it was told something else, has other data, or makes other steps.
    """
    now = settings.model_dump(mode="json")
    changed = [
        f"--{name.replace('_', '-')} was {shorten(state.settings.get(name))} and is {shorten(value)}"
        for name, value in now.items()
        if name not in FREE and state.settings.get(name) != value
    ]
    if state.rows_sha256 != rows_sha256:
        changed.append("the rows are not the same")
    lanes = processes * settings.accumulate
    if state.lanes != lanes:
        changed.append(
            f"a step had {state.lanes} batches, and has {lanes} "
            f"({processes} processes x --accumulate {settings.accumulate})"
        )
    if changed:
        raise InputError(
            f"another run was interrupted here, after step {state.step}: {'; '.join(changed)}",
            where=folder,
            remedy="Give its own command to go on, name another --out, or start anew with --overwrite.",
        )
