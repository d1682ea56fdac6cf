"""A small random LLaVA checkpoint as the Hub lays it out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from tests.emovit_train.conftest import llama_config, lm_tokenizer

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}USER: {% for part in message.content %}"
    "{% if part.type == 'image' %}<image>\n{% else %}{{ part.text }}{% endif %}{% endfor %} ASSISTANT:{% endfor %}"
)


def save_tiny_llava(folder: Path) -> None:
    from transformers import LlavaConfig, LlavaForConditionalGeneration

    words = lm_tokenizer()
    words.add_special_tokens({"additional_special_tokens": ["<image>"]})
    words.chat_template = TEMPLATE
    words.save_pretrained(folder)
    vision: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
        "projection_dim": 16,
        "initializer_range": 0.3,
    }
    config = LlavaConfig(
        vision_config={"model_type": "clip_vision_model", **vision},
        text_config=llama_config(words),
        image_token_index=words.convert_tokens_to_ids("<image>"),
        image_seq_length=4,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(config)
    for layer in (model.model.multi_modal_projector.linear_1, model.model.multi_modal_projector.linear_2):
        torch.nn.init.normal_(layer.weight, std=0.3)
    model.save_pretrained(folder)
    preprocessor = {
        "do_center_crop": True,
        "size": {"shortest_edge": 28},
        "crop_size": {"height": 28, "width": 28},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
