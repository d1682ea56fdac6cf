"""Small random checkpoints of the image-text-to-text classes, with their processors, saved as the Hub lays them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.emovit_train.conftest import (
    QUERIES,
    TEXTS,
    llama_config,
    lm_tokenizer,
    qformer_tokenizer,
    save_tiny_checkpoint,
    t5_config,
)
from tests.emovit_train.llava_tiny import TEMPLATE, save_tiny_llava

SIDE = 28
CHARACTERS = "▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;?!'()"
VISION = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 14,
    "initializer_range": 0.2,
}


def _blip_images() -> Any:
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    return BlipImageProcessorPil(size={"height": SIDE, "width": SIDE})


def instructblip(folder: Path, *, t5: bool = False) -> Path:
    """As transformers saves it: both tokenizers put the ends of texts there themselves, as Vicuna's and T5's do."""
    from transformers import InstructBlipProcessor

    words, instruction = hub_tokenizer(t5=t5), qformer_tokenizer()
    _closed(instruction, "[CLS] $A [SEP]")
    save_tiny_checkpoint(folder, seed=0, t5=t5, words=words)
    InstructBlipProcessor(_blip_images(), words, instruction, num_query_tokens=QUERIES).save_pretrained(
        folder
    )
    return folder


def instructblip_t5(folder: Path) -> Path:
    return instructblip(folder, t5=True)


def hub_tokenizer(*, t5: bool) -> Any:
    """Words after a mark for their space, also the first one; Vicuna's begins with `</s>`, T5's ends with it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE(unk_token="</s>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    backend.decoder = decoders.Metaspace(prepend_scheme="always")
    special = ["<pad>", "</s>", "[PAD]", "<image>"]
    backend.train_from_iterator(
        [*TEXTS, *(text.casefold() for text in TEXTS)],
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=special, initial_alphabet=list(CHARACTERS), show_progress=False
        ),
    )
    ends = {"eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>" if t5 else "[PAD]"}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, **ends, **({} if t5 else {"bos_token": "</s>"})
    )
    _closed(tokenizer, "$A </s>" if t5 else "</s> $A")
    return tokenizer


def _closed(tokenizer: Any, form: str) -> None:
    from tokenizers.processors import TemplateProcessing

    names = [part for part in form.split() if part != "$A"]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=form, special_tokens=[(name, tokenizer.convert_tokens_to_ids(name)) for name in names]
    )


def blip2(folder: Path, *, t5: bool = False) -> Path:
    from transformers import Blip2Config, Blip2ForConditionalGeneration, Blip2Processor

    words = lm_tokenizer()
    opt = {
        "model_type": "opt",
        "vocab_size": len(words),
        "hidden_size": 32,
        "word_embed_proj_dim": 32,
        "ffn_dim": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 256,
        "init_std": 0.3,
        "pad_token_id": words.pad_token_id,
        "bos_token_id": words.bos_token_id,
        "eos_token_id": words.eos_token_id,
    }
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = Blip2Config(
        vision_config=VISION,
        qformer_config={**small, "encoder_hidden_size": 16, "initializer_range": 0.2},
        text_config=t5_config(words) if t5 else opt,
        num_query_tokens=QUERIES,
        image_token_index=words.convert_tokens_to_ids("<image>"),
        initializer_range=0.2,
    )
    torch.manual_seed(0)
    model = Blip2ForConditionalGeneration(config)
    torch.nn.init.normal_(model.query_tokens, std=0.5)
    if t5:
        model.language_model.lm_head.weight = torch.nn.Parameter(
            torch.randn_like(model.language_model.lm_head.weight) * 0.3
        )
    model.save_pretrained(folder)
    Blip2Processor(_blip_images(), words, num_query_tokens=QUERIES).save_pretrained(folder)
    return folder


def blip2_t5(folder: Path) -> Path:
    return blip2(folder, t5=True)


def llava(folder: Path, *, chats: bool = True) -> Path:
    from transformers import AutoTokenizer, LlavaProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    save_tiny_llava(folder)
    words = AutoTokenizer.from_pretrained(folder)
    words.chat_template = None
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}),
        words,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE if chats else None,
    ).save_pretrained(folder)
    return folder


def plain_llava(folder: Path) -> Path:
    return llava(folder, chats=False)


def idefics(folder: Path, *, resampler: bool = True) -> Path:
    from transformers import IdeficsConfig, IdeficsForVisionText2Text, IdeficsProcessor
    from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil

    words = lm_tokenizer()
    words.add_special_tokens({"additional_special_tokens": ["<fake_token_around_image>", "<image>"]})
    sizes = {name: value for name, value in llama_config(words).items() if name != "model_type"}
    sizes["vocab_size"] = len(words)
    config = IdeficsConfig(
        **sizes,
        alpha_initializer="ones",
        max_position_embeddings=256,
        use_resampler=resampler,
        vision_config={**VISION, "embed_dim": 16},
        perceiver_config={
            "use_resampler": resampler,
            "resampler_n_latents": 3,
            "resampler_depth": 1,
            "resampler_n_heads": 2,
            "resampler_head_dim": 8,
        },
    )
    torch.manual_seed(0)
    IdeficsForVisionText2Text(config).save_pretrained(folder)
    IdeficsProcessor(IdeficsImageProcessorPil(image_size=SIDE), words, image_size=SIDE).save_pretrained(
        folder
    )
    return folder


def idefics_without_resampler(folder: Path) -> Path:
    return idefics(folder, resampler=False)


MODELS = {
    "blip-2-opt": blip2,
    "blip-2-t5": blip2_t5,
    "llava": llava,
    "llava without a template": plain_llava,
    "idefics": idefics,
    "idefics without resampler": idefics_without_resampler,
}
