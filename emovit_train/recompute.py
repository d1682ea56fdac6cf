"""Gradient checkpointing of the frozen language model: its layers are computed again instead of being remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emovit_train.model import Assembly

__all__ = ["recompute_layers"]


def recompute_layers(model: Assembly) -> None:
    """Make each layer of the language model keep its input only, and compute itself again on the way back.

    Transformers does so only in layers that are in training mode, and `Assembly.train` leaves the language model in
    evaluation mode: there, the setting would do nothing without a word. Only the layers themselves are switched, not
    what lies in them, where T5 has its dropout. Call it after each `model.train()`.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    model.language_model.activation_checkpointing_enable({"use_reentrant": False})
    for layer in model.language_model.modules():
        if isinstance(layer, GradientCheckpointingLayer):
            layer.training = True
