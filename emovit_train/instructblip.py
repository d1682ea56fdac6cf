"""An InstructBLIP checkpoint folder of transformers, laid out as on the Hugging Face Hub: Vicuna kind or FlanT5 kind.

config.json, *.safetensors      InstructBlipForConditionalGeneration
preprocessor_config.json        size, image_mean, image_std; or within processor_config.json
tokenizer files                 of the language model
qformer_tokenizer/              of the Q-Former (BERT)
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from emogen.errors import InputError, shorten
from emovit_train.hub import local_folder
from emovit_train.images import Preprocessing
from emovit_train.model import TRAINABLE_PARTS, EmoVIT
from emovit_train.models import ModelKind, ModelSpec, TuningDefaults
from emovit_train.precision import dtype_name, frozen_dtype
from emovit_train.text import TextCodec
from emovit_train.transformers_folder import image_settings, load_complete, read_json, token_id

__all__ = ["KIND", "assemble", "load_whole", "read_codec", "read_preprocessing"]

# InstructBLIP's Vicuna was pre-trained with the end-of-sentence token in front of the prompt as well.
VICUNA_BOS: Final = "</s>"
_REMEDY: Final = "Name a folder laid out as instructblip-vicuna-7b on the Hugging Face Hub."


class VisionTokens(nn.Module):
    """The checkpoint's vision transformer without its last LayerNorm, which is `ln_vision` of the assembly."""

    def __init__(self, vision_model: Any) -> None:
        super().__init__()
        self.vision_model = vision_model
        self.vision_model.post_layernorm = nn.Identity()

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, patches + 1, D) for images (B, 3, height, width)."""
        tokens: Tensor = self.vision_model(pixel_values=pixels).last_hidden_state
        return tokens


def assemble(spec: ModelSpec) -> EmoVIT:
    """Take the checkpoint apart and put its parts into the assembly.

    Raises:
        InputError: the folder is no such checkpoint, or not a whole one.
    """
    folder = local_folder(spec.folder)
    config = read_json(folder / "config.json", _REMEDY)
    if config.get("model_type") != "instructblip":
        raise InputError(
            f"not an InstructBLIP checkpoint but {shorten(config.get('model_type'))}",
            where=folder,
            remedy=_REMEDY,
        )
    preprocessing = read_preprocessing(folder)
    dtype = frozen_dtype(spec.frozen_dtype)
    if spec.frozen_dtype == "auto" and not torch.cuda.is_available():
        # On a CPU, so deep an encoder gains little from bfloat16, and the digits are those of transformers.
        dtype = torch.float32
    whole = load_whole(folder, dtype)
    codec = read_codec(folder, whole.config.text_config, encoder_decoder=not _is_decoder_only(whole))
    ln_vision = whole.vision_model.post_layernorm
    return EmoVIT(
        spec=replace(spec, frozen_dtype=dtype_name(dtype)),
        preprocessing=preprocessing,
        image_encoder=VisionTokens(whole.vision_model),
        ln_vision=ln_vision,
        qformer=whole.qformer,
        query_tokens=whole.query_tokens,
        projection=whole.language_projection,
        language_model=whole.language_model,
        codec=codec,
    )


def _is_decoder_only(whole: Any) -> bool:
    return bool(whole.config.use_decoder_only_language_model)


def load_whole(folder: Path, dtype: torch.dtype | str) -> Any:
    """Return transformers' model, checked to be complete; what tuning changes is float32.

    Args:
        folder: The checkpoint.
        dtype: Of everything else; `auto` is that of the files.

    Raises:
        InputError: the weights cannot be loaded, or some are missing.
    """
    from transformers import InstructBlipForConditionalGeneration

    bridge = {"qformer", "query_tokens", "language_projection", "post_layernorm"}
    model = load_complete(InstructBlipForConditionalGeneration, folder, dtype, float32=bridge, remedy=_REMEDY)
    if dtype == torch.float16 and not _is_decoder_only(model):
        raise InputError(
            "T5 overflows in float16",
            where="the frozen parts' number format",
            remedy="Take bfloat16 or float32.",
        )
    return model


def read_preprocessing(folder: Path) -> Preprocessing:
    """Return how the checkpoint wants its images.

    Raises:
        InputError: it does not say it, or wants no squares.
    """
    file, config = image_settings(folder, _REMEDY)
    try:
        height, width = config["size"]["height"], config["size"]["width"]
        if height != width:
            raise ValueError(f"images must be square, got {height} x {width}")
        return Preprocessing(size=height, mean=tuple(config["image_mean"]), std=tuple(config["image_std"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"cannot be used: {shorten(error)}", where=file, remedy=_REMEDY) from error


def read_codec(folder: Path, text_config: Any, *, encoder_decoder: bool) -> TextCodec:
    """Return the checkpoint's two tokenizers as a codec.

    Args:
        folder: The checkpoint.
        text_config: Configuration of its language model.
        encoder_decoder: Whether that is a T5, whose prompts end with EOS, or a Vicuna, whose prompts begin with it.

    Raises:
        InputError: a tokenizer is missing, or does not fit the language model.
    """
    from transformers import AutoTokenizer

    special = {} if encoder_decoder else {"bos_token": VICUNA_BOS, "unk_token": VICUNA_BOS}
    try:
        words = AutoTokenizer.from_pretrained(folder, **special)
        instruction = AutoTokenizer.from_pretrained(folder / "qformer_tokenizer")
    except (OSError, ValueError) as error:
        raise InputError(f"no tokenizer: {shorten(error, 160)}", where=folder, remedy=_REMEDY) from error
    eos = token_id(words, words.eos_token if encoder_decoder else VICUNA_BOS, folder, _REMEDY)
    pad = text_config.pad_token_id
    if eos >= text_config.vocab_size:
        raise InputError(
            f"EOS is token {eos}, and the language model knows {text_config.vocab_size}",
            where=folder,
            remedy="Put the tokenizer beside the weights that it belongs to.",
        )
    return TextCodec(
        lm_tokenizer=words,
        qformer_tokenizer=instruction,
        opening=(),
        prompt_start=() if encoder_decoder else (eos,),
        prompt_end=(eos,) if encoder_decoder else (),
        instruction_start=(token_id(instruction, instruction.cls_token, folder, _REMEDY),),
        instruction_end=(token_id(instruction, instruction.sep_token, folder, _REMEDY),),
        eos_id=eos,
        # Padding is never looked at, but must have an embedding; early Vicunas call it -1.
        pad_id=pad if pad is not None and 0 <= pad < text_config.vocab_size else eos,
        instruction_pad_id=token_id(instruction, instruction.pad_token, folder, _REMEDY),
    )


# InstructBLIP's own: 1e-5 and 0.05; four epochs as EmoVIT's released settings have it.
KIND: Final = ModelKind(
    assemble,
    TuningDefaults(
        epochs=4,
        batch_size=8,
        lr=1e-5,
        weight_decay=0.05,
        parts=TRAINABLE_PARTS,
    ),
    TRAINABLE_PARTS,
)
