"""InstructBLIP at four sizes with random weights: what is measured is arithmetic, not answers."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

if TYPE_CHECKING:
    from emovit_train.model import EmoVIT

__all__ = ["SHAPES", "Shape", "assembly", "plain_model"]


@dataclass(frozen=True)
class Shape:
    """One size.

    Attributes:
        vision: Overrides of transformers' vision configuration; its defaults are ViT-g/14.
        qformer: The same of the Q-Former; its defaults are InstructBLIP's.
        text: The language model's configuration.
        queries: Query tokens.
    """

    vision: dict[str, Any]
    qformer: dict[str, Any]
    text: dict[str, Any]
    queries: int = 32


_LLAMA: Final = {"model_type": "llama", "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_T5: Final = {"model_type": "t5", "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
SHAPES: Final[dict[str, Shape]] = {
    "tiny": Shape(
        {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 28,
        },
        {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
        {
            **_LLAMA,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "vocab_size": 512,
            "initializer_range": 0.15,
        },
        queries=8,
    ),
    "tiny-t5": Shape(
        {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 28,
        },
        {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
        {
            **_T5,
            "d_model": 32,
            "d_kv": 16,
            "d_ff": 64,
            "num_layers": 2,
            "num_heads": 2,
            "vocab_size": 512,
            "feed_forward_proj": "gated-gelu",
        },
        queries=8,
    ),
    # About 30 million parameters; the Q-Former's share of the work is small, as beside a language model of 7B.
    "small": Shape(
        {
            "hidden_size": 256,
            "intermediate_size": 1024,
            "num_hidden_layers": 8,
            "num_attention_heads": 4,
            "image_size": 224,
        },
        {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 4},
        {
            **_LLAMA,
            "hidden_size": 384,
            "intermediate_size": 1024,
            "num_hidden_layers": 8,
            "num_attention_heads": 6,
            "vocab_size": 8000,
        },
    ),
    "vicuna-7b": Shape({}, {}, {**_LLAMA, "vocab_size": 32001}),
    "flan-t5-xl": Shape(
        {},
        {},
        {
            **_T5,
            "d_model": 2048,
            "d_kv": 64,
            "d_ff": 5120,
            "num_layers": 24,
            "num_heads": 32,
            "vocab_size": 32128,
            "feed_forward_proj": "gated-gelu",
        },
    ),
}


def plain_model(shape: Shape, device: torch.device, frozen: torch.dtype) -> Any:
    """Return transformers' own InstructBLIP, made on the device: the bridge in float32, the frozen parts in `frozen`.

    Dropout is off on both sides, so that their losses can be compared.
    """
    from transformers import InstructBlipConfig, InstructBlipForConditionalGeneration

    no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    text = {**shape.text, "dropout_rate": 0.0} if shape.text["model_type"] == "t5" else shape.text
    config = InstructBlipConfig(
        vision_config={"attention_dropout": 0.0, **shape.vision},
        qformer_config={
            **shape.qformer,
            **no_dropout,
            "encoder_hidden_size": shape.vision.get("hidden_size", 1408),
        },
        text_config=text,
        num_query_tokens=shape.queries,
        image_token_index=text["vocab_size"] - 1,
    )
    torch.manual_seed(0)
    default = torch.get_default_dtype()
    try:
        torch.set_default_dtype(frozen)
        with device:
            model: Any = InstructBlipForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(default)
    torch.nn.init.normal_(model.query_tokens, std=0.02)
    for part in (model.qformer, model.language_projection):
        part.float()
    model.query_tokens.data = model.query_tokens.data.float()
    for parameter in (*model.vision_model.parameters(), *model.language_model.parameters()):
        parameter.requires_grad_(False)
    return model.train()


def assembly(model: Any, shape: Shape) -> EmoVIT:
    """Return our assembly around the very weights of `plain_model`."""
    from emovit_train.images import Preprocessing
    from emovit_train.instructblip import VisionTokens
    from emovit_train.model import EmoVIT
    from emovit_train.models import ModelSpec
    from emovit_train.text import TextCodec

    tokenizer: Any = None
    codec = TextCodec(
        lm_tokenizer=tokenizer,
        qformer_tokenizer=tokenizer,
        opening=(),
        prompt_start=(),
        prompt_end=(),
        instruction_start=(),
        instruction_end=(),
        eos_id=shape.text["eos_token_id"],
        pad_id=shape.text["pad_token_id"],
        instruction_pad_id=0,
    )
    side = model.config.vision_config.image_size
    made = EmoVIT(
        spec=ModelSpec("instructblip", "random"),
        preprocessing=Preprocessing(side, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ln_vision=model.vision_model.post_layernorm,
        image_encoder=VisionTokens(_twin(model.vision_model)),
        qformer=model.qformer,
        query_tokens=model.query_tokens,
        projection=model.language_projection,
        language_model=model.language_model,
        codec=codec,
    )
    made.set_trained(("qformer", "query_tokens", "projection"))
    return made.train()


def _twin(module: Any) -> Any:
    """Return a module with the same children, of which one can be replaced without the other's noticing."""
    twin = copy(module)
    twin._modules = dict(module._modules)
    return twin
