"""Every number against transformers' own InstructBLIP: the loss, and the gradient of everything that is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from emovit_train.model import EmoVIT
from emovit_train.text import collate
from tests.emovit_train.reference import reference_step

ROWS = [
    ("What?", "It is red."),
    ("What is in the image?", "It is blue or white."),
    ("What is it?", "red"),
]


def pixels(count: int) -> Tensor:
    return torch.randn(count, 3, 28, 28, generator=torch.Generator().manual_seed(1))


def gradients(model: EmoVIT) -> dict[str, Tensor]:
    return {
        name: torch.zeros_like(each) if each.grad is None else each.grad.clone()
        for name, each in model.trained_tensors().items()
    }


def assert_same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, atol=1e-5, rtol=1e-5, msg=name)
    assert max(float(gradient.abs().max()) for gradient in theirs.values()) > 0.01


def test_loss_and_every_gradient_are_those_of_transformers(either_model: EmoVIT, either_folder: Path) -> None:
    """On the same weights and tokens, loss and gradients equal InstructBlipForConditionalGeneration's to 1e-5."""
    batch = collate([either_model.codec.encode(*row) for row in ROWS], either_model.codec)
    loss, theirs = reference_step(either_folder, pixels(3), batch)
    either_model.train()
    ours = either_model(either_model.encode_images(pixels(3)), batch).mean()
    ours.backward()
    assert ours.item() == pytest.approx(loss, abs=1e-5)
    assert_same(gradients(either_model), theirs)


def test_kept_features_change_nothing(either_model: EmoVIT, either_folder: Path) -> None:
    """Features computed one by one, kept, and batched later give the same loss and gradients."""
    batch = collate([either_model.codec.encode(*row) for row in ROWS], either_model.codec)
    loss, theirs = reference_step(either_folder, pixels(3), batch)
    kept = torch.cat([either_model.encode_images(each[None]) for each in pixels(3)])
    ours = either_model(kept, batch).mean()
    ours.backward()
    assert ours.item() == pytest.approx(loss, abs=1e-5)
    assert_same(gradients(either_model), theirs)


def test_padding_changes_no_row(either_model: EmoVIT) -> None:
    """A row's losses are the same alone and beside longer rows."""
    features = either_model.encode_images(pixels(3))
    rows = [either_model.codec.encode(*row) for row in ROWS]
    alone = [
        either_model(features[n : n + 1], collate([row], either_model.codec)) for n, row in enumerate(rows)
    ]
    together = either_model(features, collate(rows, either_model.codec))
    torch.testing.assert_close(torch.cat(alone), together, atol=1e-5, rtol=0)
