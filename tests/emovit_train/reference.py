"""The loss and gradients of transformers' own InstructBLIP on the tokens of one of our batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emovit_train.text import TextBatch

# Their names of what is trained, and ours.
OURS = {
    "qformer.": "qformer.",
    "query_tokens": "query_tokens",
    "language_projection.": "projection.",
    "vision_model.post_layernorm.": "ln_vision.",
}


def reference_model(folder: Path) -> Any:
    from transformers import InstructBlipForConditionalGeneration

    from emovit_train.quiet import quiet_transformers

    with quiet_transformers():
        return InstructBlipForConditionalGeneration.from_pretrained(folder).eval()


def reference_inputs(model: Any, pixels: Tensor, batch: TextBatch) -> dict[str, Tensor]:
    images = torch.full((len(pixels), model.config.num_query_tokens), model.config.image_token_id)
    unmarked = torch.full_like(images, -100)
    ids, mask = batch.row_ids, batch.row_mask
    labels = torch.cat([unmarked, batch.row_ids.where(batch.is_answer, -100)], 1)
    if not model.config.use_decoder_only_language_model:
        ids, mask = batch.prompt_ids, batch.prompt_mask
        labels = batch.answer_ids.where(batch.answer_mask.bool(), -100)
    return {
        "pixel_values": pixels,
        "qformer_input_ids": batch.instruction_ids,
        "qformer_attention_mask": batch.instruction_mask,
        "input_ids": torch.cat([images, ids], 1),
        "attention_mask": torch.cat([torch.ones_like(images), mask], 1),
        "labels": labels,
    }


def reference_step(folder: Path, pixels: Tensor, batch: TextBatch) -> tuple[float, dict[str, Tensor]]:
    """Return the loss, and our names → gradients of everything that can be trained."""
    model = reference_model(folder)
    loss = model(**reference_inputs(model, pixels, batch)).loss
    loss.backward()
    gradients = {}
    for name, parameter in model.named_parameters():
        for theirs, ours in OURS.items():
            if name.startswith(theirs):
                grad = parameter.grad
                gradients[ours + name.removeprefix(theirs)] = (
                    torch.zeros_like(parameter) if grad is None else grad
                )
    return loss.item(), gradients
