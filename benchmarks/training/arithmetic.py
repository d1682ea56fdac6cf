"""How much arithmetic a pass needs at least, and what share of a processor's peak that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from benchmarks.training.rows import Data

__all__ = ["PEAK_TFLOPS", "Work", "work_of"]

# Dense bfloat16, without sparsity, from NVIDIA's data sheets.
PEAK_TFLOPS: Final = {"H100": 989.0, "H200": 989.0, "A100": 312.0, "L40S": 362.0, "RTX 4090": 165.0}


@dataclass(frozen=True)
class Work:
    """Floating-point operations of one pass over all rows, without padding and without repeats.

    A matrix costs two operations per weight and token forward, as many for the gradient of its input, and as many
    again for that of its weights where it is trained. Attention scores and norms are left out.

    Attributes:
        encoder: The image encoder, forward, once per image.
        qformer: The Q-Former, forward and both gradients, once per row.
        language: The language model, forward and the gradient of its input, and its output layer at answer tokens.
    """

    encoder: float
    qformer: float
    language: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.encoder + self.qformer + self.language


def work_of(model: Any, data: Data) -> Work:
    """Return the work of one pass; `model` is transformers' InstructBLIP."""
    config = model.config
    vision, queries, rows = config.vision_config, config.num_query_tokens, len(data.rows)
    image_tokens = (vision.image_size // vision.patch_size) ** 2 + 1
    instructions = sum(len(row.instruction) for row in data.rows)
    cross = _matrices(model.qformer, _reads_images)
    bridge = _matrices(model.qformer, lambda name: "embeddings" not in name and not _reads_images(name))
    return Work(
        encoder=2.0 * _matrices(model.vision_model) * image_tokens * len(data.pixels),
        qformer=6.0 * (bridge * (rows * queries + instructions) + cross * rows * image_tokens),
        language=4.0 * _language_weights_read(model.language_model, data, queries),
    )


def _language_weights_read(language: Any, data: Data, queries: int) -> float:
    """Return weights times the tokens that they are applied to."""
    prompts = sum(len(row.prompt) for row in data.rows) + len(data.rows) * queries
    answers = data.answer_tokens
    output = language.get_output_embeddings().weight.numel() * answers
    if not language.config.is_encoder_decoder:
        return _matrices(language, lambda name: not _is_table(name)) * (prompts + answers) + output
    reading = _matrices(language.encoder, lambda name: not _is_table(name))
    saying = _matrices(language.decoder, lambda name: not _is_table(name))
    return reading * prompts + saying * answers + output


def _is_table(name: str) -> bool:
    return any(part in name for part in ("embed", "shared", "lm_head", "relative_attention_bias"))


def _reads_images(name: str) -> bool:
    return "crossattention" in name and (".key." in name or ".value." in name)


def _matrices(module: Any, wanted: Callable[[str], bool] = lambda name: True) -> int:
    return sum(
        weight.numel() for name, weight in module.named_parameters() if weight.ndim >= 2 and wanted(name)
    )
