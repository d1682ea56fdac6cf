"""Small random checkpoints of the model classes that describe images, saved to disk as real ones are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CHARACTERS = "abcdefghijklmnopqrstuvwxyz.,'-&()0123456789"
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<image>"]
SIDE = 32
VISION = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 16,
}
TEXT = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
QUERIES = 4


def tokenizer() -> Any:
    """A tokenizer of single characters with the ends of texts as CLIP marks them."""
    from tokenizers import Tokenizer, decoders
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import Split
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: number for number, token in enumerate([*SPECIAL, " ", *CHARACTERS])}
    inner = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    inner.normalizer = Lowercase()
    inner.pre_tokenizer = Split("", "isolated")
    inner.decoder = decoders.Fuse()
    inner.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=64,
    )


def vocabulary_size() -> int:
    return len(SPECIAL) + 1 + len(CHARACTERS)


def _saved(folder: Path, model: Any, *parts: Any) -> Path:
    import torch

    # Weights as small as a new model's would say the same of every image.
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.5, generator=generator)
    for part in (model, *parts):
        part.save_pretrained(folder)
    return folder


def clip(folder: Path) -> Path:
    from transformers import CLIPConfig, CLIPModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    text = {**TEXT, "vocab_size": vocabulary_size(), "max_position_embeddings": 64}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=VISION, projection_dim=8))
    images = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    return _saved(folder, model, images, tokenizer())


def siglip(folder: Path) -> Path:
    from transformers import SiglipConfig, SiglipModel
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    text = {**TEXT, "vocab_size": vocabulary_size(), "max_position_embeddings": 64, "projection_size": 16}
    model = SiglipModel(SiglipConfig(text_config=text, vision_config=VISION))
    return _saved(folder, model, SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}), tokenizer())


def _blip_images() -> Any:
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    return BlipImageProcessorPil(size={"height": SIDE, "width": SIDE})


def blip2(folder: Path) -> Path:
    from transformers import Blip2Config, Blip2ForConditionalGeneration, Blip2Processor

    qformer = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "encoder_hidden_size": 16,
        "vocab_size": vocabulary_size(),
    }
    text = {
        "model_type": "opt",
        "vocab_size": vocabulary_size(),
        "hidden_size": 16,
        "ffn_dim": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 128,
        "word_embed_proj_dim": 16,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    config = Blip2Config(
        vision_config=VISION,
        qformer_config=qformer,
        text_config=text,
        num_query_tokens=QUERIES,
        image_token_index=SPECIAL.index("<image>"),
    )
    model = Blip2ForConditionalGeneration(config)
    return _saved(folder, model, Blip2Processor(_blip_images(), tokenizer(), num_query_tokens=QUERIES))


def blip(folder: Path) -> Path:
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipProcessor

    text = {
        **TEXT,
        "vocab_size": vocabulary_size(),
        "max_position_embeddings": 128,
        "encoder_hidden_size": 16,
        "sep_token_id": 2,
    }
    model = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=VISION))
    return _saved(folder, model, BlipProcessor(_blip_images(), tokenizer()))


def encoder_decoder(folder: Path) -> Path:
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        VisionEncoderDecoderModel,
        ViTConfig,
        ViTModel,
    )
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    decoder = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocabulary_size(),
            n_embd=16,
            n_layer=2,
            n_head=2,
            n_positions=128,
            add_cross_attention=True,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    )
    model = VisionEncoderDecoderModel(encoder=ViTModel(ViTConfig(**VISION)), decoder=decoder)
    model.config.decoder_start_token_id = model.generation_config.decoder_start_token_id = 1
    model.config.pad_token_id = model.generation_config.pad_token_id = 0
    return _saved(folder, model, ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}), tokenizer())
