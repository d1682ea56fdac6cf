"""What tuning a checkpoint takes of memory and time, computed from its configuration alone; nothing is measured.

Weights are counted on a model without any memory behind it. A matrix costs two operations per weight and token forward,
as many for the gradient of its input, and as many again for that of its weights where it is trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from emogen.errors import InputError, shorten
from emogen.machine import memory_of, speed_of
from emovit_train.precision import best_device

__all__ = ["Needs", "count_needs", "needs_of"]

# EmoVIT: 51,200 images, four epochs; a row is of the three types' mean length in Vicuna's tokens.
PAPER_ROWS: Final = 51_200 * 4
PROMPT_TOKENS: Final = 62
ANSWER_TOKENS: Final = 69
H100_TFLOPS: Final = 989.0
# Of a processor's peak, what well-fed training reaches.
REACHED: Final = 0.5
# A float32 weight with its gradient and AdamW's two moments.
TRAINED_BYTES: Final = 16
# All seven matrices of a layer get low-rank additions of this rank.
LORA_RANK: Final = 16
_CLASSES: Final = {
    "instructblip": "InstructBlipForConditionalGeneration",
    "llava": "LlavaForConditionalGeneration",
}


@dataclass(frozen=True)
class Needs:
    """What was counted.

    Attributes:
        frozen: Weights that tuning leaves alone.
        trained: Weights that it changes.
        work: Floating-point operations of a row of mean length, all of it.
    """

    frozen: int
    trained: int
    work: float

    def memory(self, frozen_bytes: int) -> float:
        """Return the bytes of weights, gradients and the optimizer's state; what is computed comes on top."""
        return float(self.frozen * frozen_bytes + self.trained * TRAINED_BYTES)

    def hours(self, flops: float) -> float:
        """Return the hours of the paper's run at so many operations per second."""
        return self.work * PAPER_ROWS / flops / 3600


def needs_of(folder: Path, kind: str) -> list[str]:
    """Return lines about memory and hours, for a person to decide by.

    Args:
        folder: Holds the checkpoint's `config.json`.
        kind: `instructblip` or `llava`.

    Raises:
        InputError: the configuration is none of that kind.
    """
    needs = count_needs(folder, kind)
    device = best_device()
    here = "this machine's GPU" if device.type == "cuda" else "this machine's CPU"
    on_h100 = _round(needs.hours(H100_TFLOPS * 1e12 * REACHED))
    return [
        f"memory  {needs.memory(2) / 1e9:,.1f} GB on a GPU in bfloat16, {needs.memory(4) / 1e9:,.1f} GB in float32 "
        f"({(needs.frozen + needs.trained) / 1e9:,.2f} billion weights, computed), and what the batches take; "
        f"here are {memory_of(device) / 1e9:,.1f} GB",
        f"hours   {on_h100} on an H100, {_round(needs.hours(speed_of(device) * REACHED))} on {here}, for the paper's "
        f"{PAPER_ROWS:,} rows at half of what each can compute (computed, not measured)",
    ]


def count_needs(folder: Path, kind: str) -> Needs:
    """Count the weights and the work of a checkpoint; arguments and errors as `needs_of`."""
    import transformers

    from emovit_train.quiet import quiet_transformers

    model_class: Any = getattr(transformers, _CLASSES[kind])
    try:
        with quiet_transformers(), torch.device("meta"):
            config = model_class.config_class.from_pretrained(folder)
            model = model_class(config)
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise InputError(
            f"not the configuration of a {kind} checkpoint: {shorten(error, 120)}",
            where=folder / "config.json",
            remedy="Name another model, or its kind with --arch.",
        ) from error
    vision = config.vision_config
    image_tokens = (vision.image_size // vision.patch_size) ** 2 + 1
    return (_instructblip if kind == "instructblip" else _llava)(model, image_tokens)


def _instructblip(model: Any, image_tokens: int) -> Needs:
    queries = model.config.num_query_tokens
    bridge = model.qformer
    cross = _matrices(bridge, _reads_images)
    within = _matrices(bridge, lambda name: "embeddings" not in name and not _reads_images(name))
    work = 2.0 * _matrices(model.vision_model) * image_tokens
    work += 6.0 * (within * (queries + PROMPT_TOKENS) + cross * image_tokens)
    trained = _weights(bridge) + _weights(model.language_projection) + model.query_tokens.numel()
    return Needs(_weights(model) - trained, trained, work + _language_work(model.language_model, queries))


def _llava(model: Any, image_tokens: int) -> Needs:
    parts = model.model
    additions = sum(
        LORA_RANK * sum(weight.shape)
        for name, weight in parts.language_model.named_parameters()
        if weight.ndim == 2 and not _is_table(name)
    )
    work = 2.0 * _matrices(parts.vision_tower) * image_tokens
    projector = _weights(parts.multi_modal_projector)
    work += 6.0 * projector * image_tokens
    # The first of CLIP's tokens stands for the whole image and is left out.
    work += _language_work(parts.language_model, image_tokens - 1, model.lm_head.weight.numel())
    return Needs(_weights(model) - projector, projector + additions, work)


def _language_work(language: Any, shown: int, output: int | None = None) -> float:
    """Return the work of a row, forward and the gradient of its input; logits at answer tokens alone."""
    output = language.get_output_embeddings().weight.numel() if output is None else output
    reading, saying = shown + PROMPT_TOKENS, ANSWER_TOKENS
    if not language.config.is_encoder_decoder:
        matrices = _matrices(language, lambda name: not _is_table(name))
        return 4.0 * (matrices * (reading + saying) + output * saying)
    encoder = _matrices(language.encoder, lambda name: not _is_table(name))
    decoder = _matrices(language.decoder, lambda name: not _is_table(name))
    return 4.0 * (encoder * reading + (decoder + output) * saying)


def _is_table(name: str) -> bool:
    return any(part in name for part in ("embed", "shared", "lm_head", "relative_attention_bias"))


def _reads_images(name: str) -> bool:
    return "crossattention" in name and (".key." in name or ".value." in name)


def _matrices(module: Any, wanted: Callable[[str], bool] = lambda name: True) -> int:
    return sum(each.numel() for name, each in module.named_parameters() if each.ndim >= 2 and wanted(name))


def _weights(module: Any) -> int:
    return sum(each.numel() for each in module.parameters())


def _round(hours: float) -> str:
    return f"{hours:.1f}" if hours < 10 else f"{hours:,.0f}"
