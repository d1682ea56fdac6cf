"""The optimizer's groups and its schedule."""

from __future__ import annotations

import pytest
import torch

from emovit_train.optimizer import Schedule, adamw


def test_learning_rate_rises_then_falls() -> None:
    """The share of the peak rises linearly to 1 and falls as half a cosine towards 0."""
    schedule = Schedule("step", 1.0, 0.0, None, 5, 100, None)
    shares = [schedule.lr(step, 0, step) for step in range(100)]
    assert shares[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert shares[5:] == sorted(shares[5:], reverse=True)
    assert shares[-1] < 0.001


def test_vectors_do_not_decay() -> None:
    """Weight decay is for matrices: biases and norms keep their size."""
    layer = torch.nn.Linear(3, 2)
    decays = {
        tuple(parameter.shape): group["weight_decay"]
        for group in adamw(layer.parameters(), 1e-3, 0.05).param_groups
        for parameter in group["params"]
    }
    assert decays == {(2, 3): 0.05, (2,): 0.0}


def test_the_rate_of_lavis() -> None:
    """Warm-up ends with the first epoch, reached or not; after it each epoch has one rate, of a cosine by epochs."""
    schedule = Schedule("lavis_epoch", 1e-5, 1e-8, 1e-8, 100, 200, 4)
    assert schedule.lr(0, 0, 0) == pytest.approx(1e-8)
    assert schedule.lr(50, 0, 50) == pytest.approx(1e-8 + (1e-5 - 1e-8) / 2)
    assert schedule.lr(150, 0, 150) == 1e-5
    assert schedule.lr(60, 1, 0) == schedule.lr(99, 1, 39) == pytest.approx((1e-5 - 1e-8) * 0.8535534 + 1e-8)
    assert schedule.lr(180, 2, 0) == pytest.approx((1e-5 - 1e-8) * 0.5 + 1e-8)
