"""AdamW with the field's usual groups, and the schedule of its learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

__all__ = ["adamw", "lr_share", "set_lr"]


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


def lr_share(step: int, total: int, warmup: float) -> float:
    """Return the share of the peak learning rate at `step` (from 0): a linear rise, then half a cosine to 0."""
    rise = max(1, round(total * warmup))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of the next step."""
    for group in optimizer.param_groups:
        group["lr"] = lr
