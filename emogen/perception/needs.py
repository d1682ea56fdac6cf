"""What a model that describes images takes of memory and time, computed from its configuration alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from emogen.machine import memory_of, speed_of
from emogen.perception.checkpoint import Machine

__all__ = ["needs_of"]

# What a caption of a sentence takes, with a prompt and the image's tokens before it.
CAPTION_TOKENS: Final = 64
# Of what a processor computes at best, what small batches reach.
REACHED: Final = 0.5
_BYTES: Final = {"float32": 4, "float16": 2, "bfloat16": 2}


def needs_of(folder: Path, kind: str, machine: Machine) -> list[str]:
    """Return lines about memory and time, for a person to decide by.

    Args:
        folder: Holds the checkpoint's `config.json`.
        kind: The `Auto` class of transformers that makes the model.
        machine: Where it would run.
    """
    import torch
    import transformers

    device = torch.device(machine.device)
    try:
        with torch.device("meta"):
            config = transformers.AutoConfig.from_pretrained(folder)
            model: Any = getattr(transformers, kind).from_config(config)
    # Configurations of other kinds of models end in many exceptions; loading the model says what is wrong.
    except Exception as error:
        return [f"memory and time: its configuration does not tell ({type(error).__name__})"]
    sees, all_weights = (
        sum(weight.numel() for name, weight in model.named_parameters() if part in name)
        for part in ("vision", "")
    )
    work = 2.0 * sees * _patches(config) + 2.0 * (all_weights - sees) * CAPTION_TOKENS
    seconds = work / (speed_of(device) * REACHED)
    taken = all_weights * _BYTES[machine.dtype] / 1e9
    return [
        f"memory  {taken:,.1f} GB in {machine.dtype} ({all_weights / 1e9:,.2f} billion weights, computed), and what a "
        f"batch takes; {machine.device} has {memory_of(device) / 1e9:,.1f} GB",
        f"time    about {seconds:,.2g} s an image on {machine.device}, {seconds * 1000 / 3600:,.2g} h a thousand "
        "(computed, not measured)",
    ]


def _patches(config: Any) -> int:
    """Return how many pieces the model cuts an image into."""
    vision = getattr(config, "vision_config", config)
    size, patch = getattr(vision, "image_size", None), getattr(vision, "patch_size", None)
    return (size // patch) ** 2 + 1 if isinstance(size, int) and isinstance(patch, int) else 257
