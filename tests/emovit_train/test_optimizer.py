"""The optimizer's groups and its schedule."""

from __future__ import annotations

import pytest
import torch

from emovit_train.optimizer import adamw, lr_share


def test_learning_rate_rises_then_falls() -> None:
    """The share of the peak rises linearly to 1 and falls as half a cosine towards 0."""
    shares = [lr_share(step, 100, 0.05) for step in range(100)]
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
