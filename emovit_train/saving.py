"""Saves what an interrupted run goes on from, when it is due, and puts a run back to where that was."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

import torch

from emogen.errors import InputError
from emogen.terminal import note
from emovit_train.checkpoint import saved_tensors
from emovit_train.resume import STATE, TrainingState, random_state, save_state, set_random_state

if TYPE_CHECKING:
    from emovit_train.run import Run
    from emovit_train.stepping import Stepper

__all__ = ["BEST", "Saver"]

BEST = "best"
SECONDS_PER_MINUTE = 60


class Saver:
    """The state of one run, in memory and on disk.

    Args:
        run: What is trained.
        stepper: What trains it.
        start: What was measured before the first step.
    """

    def __init__(self, run: Run, stepper: Stepper, start: dict[str, Any]) -> None:
        self._run = run
        self._stepper = stepper
        self._start = start
        self._begun_s = self._saved_s = time.monotonic()
        self._seconds_before = 0.0
        self.saved_step: int | None = None

    @property
    def seconds(self) -> float:
        """Time spent on the run's steps, before an interruption, too."""
        return self._seconds_before + time.monotonic() - self._begun_s

    def begin(self) -> int:
        """Remove what an earlier run left of its way here; return the steps that are done, none."""
        if self._run.ranks.is_first:
            (self._run.out / STATE).unlink(missing_ok=True)
            shutil.rmtree(self._run.out / BEST, ignore_errors=True)
        return 0

    def restore(self, state: TrainingState) -> int:
        """Put model, optimizer, scale and random numbers back; return the steps that are done.

        Raises:
            InputError: the state belongs to another model.
        """
        run, out = self._run, self._run.out
        if state.start_sha256 != run.start_sha256:
            raise InputError(
                "this is another checkpoint than the interrupted run began with",
                where=run.settings.start,
                remedy="Put that one back, or start anew with --overwrite.",
            )
        tensors = saved_tensors(run.model)
        if {name: each.shape for name, each in tensors.items()} != {
            name: each.shape for name, each in state.tensors.items()
        }:
            raise InputError(
                "the interrupted run had another model", where=out, remedy="Start anew with --overwrite."
            )
        with torch.no_grad():
            for name, tensor in tensors.items():
                tensor.copy_(state.tensors[name])
        self._stepper.optimizer.load_state_dict(state.optimizer)
        self._stepper.scaler.load_state_dict(state.scaler)
        self._restore_random(state)
        self._seconds_before, self.saved_step = state.seconds, state.step
        return state.step

    def _restore_random(self, state: TrainingState) -> None:
        ranks = self._run.ranks
        if len(state.random) == ranks.world:
            set_random_state(state.random[ranks.rank])
        else:
            note(
                f"{len(state.random)} processes began this run, and {ranks.world} go on with it: "
                "the weights will not be the same bit for bit"
            )

    def due(self, step: int) -> bool:
        """Whether the state after a step is to be saved."""
        settings = self._run.settings
        by_steps = settings.save_every is not None and step % settings.save_every == 0
        waited_s = time.monotonic() - self._saved_s
        by_time = 0 < settings.save_minutes * SECONDS_PER_MINUTE <= waited_s
        return by_steps or by_time

    def save(self, step: int, best: float | None) -> None:
        """Save the state after a step; all processes take part, the first one writes.

        Raises:
            InputError: it cannot be written; the state that was saved before stays.
        """
        run = self._run
        generators = run.ranks.gather(random_state())
        if run.ranks.is_first:
            state = TrainingState(
                step=step,
                settings=run.settings.model_dump(mode="json"),
                rows_sha256=run.data.rows_sha256,
                lanes=run.plan.lanes,
                start_sha256=run.start_sha256,
                tensors={name: each.detach() for name, each in saved_tensors(run.model).items()},
                optimizer=self._stepper.optimizer.state_dict(),
                scaler=self._stepper.scaler.state_dict(),
                random=generators,
                start=self._start,
                best=best,
                seconds=self.seconds,
            )
            try:
                save_state(run.out, state)
            except InputError as error:
                kept = f"; the state after step {self.saved_step} is kept" if self.saved_step else ""
                error.what += f", after step {step}{kept}"
                error.remedy = "Make room on the disk, and give the same command again."
                raise
        self._saved_s, self.saved_step = time.monotonic(), step
