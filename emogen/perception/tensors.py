"""What a model takes of single images, put together as a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from emogen.perception.checkpoint import Machine

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["alike", "joined"]

Inputs = Mapping[str, "Tensor"]


def joined(prepared: Sequence[Inputs], machine: Machine) -> dict[str, Tensor]:
    """Return the inputs of one batch, on the model's device; numbers with a point in the model's format.

    Args:
        prepared: Of each image, name → tensor; the first dimension counts images (or their patches).
        machine: Where the model runs.
    """
    import torch

    batch = {}
    for name in prepared[0]:
        tensor = torch.cat([inputs[name] for inputs in prepared])
        dtype = machine.torch_dtype if tensor.is_floating_point() else tensor.dtype
        batch[name] = tensor.to(machine.device, dtype)
    return batch


def alike(prepared: Sequence[Inputs]) -> list[list[int]]:
    """Return the places of inputs that have the same shapes, and so need no padding to be one batch."""
    groups: dict[tuple[tuple[str, tuple[int, ...]], ...], list[int]] = defaultdict(list)
    for place, inputs in enumerate(prepared):
        groups[tuple((name, tuple(tensor.shape)) for name, tensor in sorted(inputs.items()))].append(place)
    return list(groups.values())
