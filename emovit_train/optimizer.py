"""AdamW with the field's usual groups, and the two ways in which its learning rate goes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from emovit_train.settings import TrainSettings

__all__ = ["Schedule", "adamw", "gradient_scaler", "set_lr"]


def adamw(parameters: Iterable[torch.Tensor], lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """Return AdamW with betas 0.9 and 0.999; 1-D parameters (biases, norms) do not decay, as in LAVIS."""
    trained = list(parameters)
    return torch.optim.AdamW(
        [
            {"params": [each for each in trained if each.ndim > 1], "weight_decay": weight_decay},
            {"params": [each for each in trained if each.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=lr,
        fused=True,
    )


def gradient_scaler(device: torch.device, frozen: torch.dtype) -> torch.amp.GradScaler:
    """Return what keeps small gradients from vanishing in float16, as in LAVIS; in other formats it does nothing."""
    return torch.amp.GradScaler(device.type, enabled=frozen == torch.float16)


@dataclass(frozen=True)
class Schedule:
    """The learning rate of every step.

    Attributes:
        kind: `step` or `lavis_epoch`.
        peak: Highest learning rate.
        floor: Where the cosine ends.
        start: Learning rate of the first step; None begins with the first of equal stairs.
        rise: Steps until the peak.
        total: Steps of the whole run.
        epochs: Epochs of the whole run; `step` does not ask.
    """

    kind: str
    peak: float
    floor: float
    start: float | None
    rise: int
    total: int
    epochs: int | None

    @classmethod
    def of(cls, settings: TrainSettings, total: int) -> Schedule:
        """Return the schedule of a run of `total` steps."""
        rise = settings.warmup_steps
        if rise is None:
            rise = max(1, round(total * settings.warmup))
        return cls(
            settings.schedule,
            settings.lr,
            settings.lr_min,
            settings.warmup_lr,
            rise,
            total,
            settings.epochs,
        )

    def lr(self, step: int, epoch: int, within: int) -> float:
        """Return the learning rate.

        Args:
            step: From 0, over the whole run.
            epoch: From 0.
            within: Step within its epoch, from 0.
        """
        return self._by_epoch(epoch, within) if self.kind == "lavis_epoch" else self._by_step(step)

    def _by_step(self, step: int) -> float:
        """A linear rise, then half a cosine from the peak to the floor over the other steps."""
        if step < self.rise:
            if self.start is None:
                return self.peak * ((step + 1) / self.rise)
            return self.start + (self.peak - self.start) * (step / self.rise)
        done = (step - self.rise) / max(1, self.total - self.rise)
        return self.floor + (self.peak - self.floor) * (0.5 * (1 + math.cos(math.pi * done)))

    def _by_epoch(self, epoch: int, within: int) -> float:
        """As `LinearWarmupCosineLRScheduler` of LAVIS 1.0.2 (lavis/common/optims.py), step by step.

        In epoch 0: min(peak, start + (peak - start) * within / max(rise, 1)), where a missing start is the peak.
        In epoch e of E: (peak - floor) * (1 + cos(pi * e / E)) / 2 + floor.
        """
        if epoch == 0:
            start = self.peak if self.start is None else self.start
            return min(self.peak, start + (self.peak - start) * within / max(self.rise, 1))
        share = 0.5 * (1.0 + math.cos(math.pi * epoch / (self.epochs or 1)))
        return (self.peak - self.floor) * share + self.floor


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of the next step."""
    for group in optimizer.param_groups:
        group["lr"] = lr
