"""Gradient checkpointing: the same gradients, and layers that really compute twice."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from emovit_train.model import EmoVIT
from emovit_train.recompute import recompute_layers
from emovit_train.text import collate
from emovit_train.train import _training_mode
from tests.emovit_train.conftest import tiny_settings
from tests.emovit_train.processes import QUESTIONS, pixels


@pytest.mark.parametrize("recompute", [False, True])
def test_layers_compute_again_on_demand_only(either_model: EmoVIT, recompute: bool) -> None:
    """On demand each layer of the language model computes twice a step, else once; the gradients are the same bits."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    layers = [
        each for each in either_model.language_model.modules() if isinstance(each, GradientCheckpointingLayer)
    ]
    assert layers
    calls = [0] * len(layers)

    def count(number: int) -> None:
        calls[number] += 1

    inner = [next(each for each in layer.modules() if isinstance(each, torch.nn.Linear)) for layer in layers]
    batch = collate([either_model.codec.encode(*each) for each in QUESTIONS], either_model.codec)
    features = either_model.encode_images(pixels(len(QUESTIONS)))
    either_model.train()
    either_model(features, batch).mean().backward()
    plain = {name: each.grad for name, each in either_model.trained_tensors().items()}
    either_model.zero_grad()
    either_model.train()
    if recompute:
        recompute_layers(either_model)
    for number, module in enumerate(inner):
        module.register_forward_hook(lambda *_, number=number: count(number))
    either_model(features, batch).mean().backward()
    assert calls == [2 if recompute else 1] * len(layers)
    for name, each in either_model.trained_tensors().items():
        if each.grad is not None:
            assert torch.equal(each.grad, plain[name]), name


def test_the_loop_does_so_on_demand_only(
    tiny_model: EmoVIT, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time that a run goes back to training, it asks for that, or does not, as its settings say."""
    asked: list[bool] = []
    monkeypatch.setattr("emovit_train.train.recompute_layers", lambda _: asked.append(True))
    for wanted in (False, True):
        settings = tiny_settings(tiny_folder, gradient_checkpointing=wanted)
        _training_mode(SimpleNamespace(model=tiny_model, settings=settings))  # type: ignore[arg-type]
        assert asked == [True] * wanted
