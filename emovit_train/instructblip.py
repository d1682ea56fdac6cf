"""An InstructBLIP checkpoint folder of transformers, Vicuna kind, laid out as on the Hugging Face Hub.

config.json, *.safetensors      InstructBlipForConditionalGeneration
preprocessor_config.json        size, image_mean, image_std
tokenizer files                 of the language model
qformer_tokenizer/              of the Q-Former (BERT)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from torch import Tensor, nn

from emogen.errors import InputError, shorten
from emovit_train.images import Preprocessing
from emovit_train.model import EmoVIT
from emovit_train.models import ModelKind, ModelSpec, TuningDefaults
from emovit_train.precision import lm_dtype
from emovit_train.quiet import quiet_loading
from emovit_train.text import TextCodec

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["KIND", "assemble", "read_codec", "read_preprocessing"]

# InstructBLIP's Vicuna was pre-trained with the end-of-sentence token in front of the prompt as well.
VICUNA_BOS: Final = "</s>"
_REMEDY: Final = "Name a folder laid out as instructblip-vicuna-7b on the Hugging Face Hub."


class VisionTokens(nn.Module):
    """The checkpoint's vision transformer; its output has passed the last LayerNorm (LAVIS' `ln_vision`)."""

    def __init__(self, vision_model: nn.Module) -> None:
        super().__init__()
        self.vision_model = vision_model

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, patches + 1, D) for images (B, 3, height, width)."""
        tokens: Tensor = self.vision_model(pixel_values=pixels).last_hidden_state
        return tokens


def assemble(spec: ModelSpec) -> EmoVIT:
    """Take the checkpoint apart and put its parts into the assembly.

    Raises:
        InputError: the folder is no such checkpoint, or its language model is not decoder-only.
    """
    folder = Path(spec.folder or "")
    config = _read_json(folder / "config.json")
    if config.get("model_type") != "instructblip":
        raise InputError(
            f"not an InstructBLIP checkpoint but {shorten(config.get('model_type'))}",
            where=folder,
            remedy=_REMEDY,
        )
    preprocessing = read_preprocessing(folder)
    whole = _load(folder)
    codec = read_codec(folder, pad_id=whole.config.text_config.pad_token_id)
    dtype = lm_dtype("float32" if spec.lm_dtype == "auto" else spec.lm_dtype)
    return EmoVIT(
        spec=ModelSpec(spec.kind, str(folder), spec.seed, str(dtype).removeprefix("torch.")),
        preprocessing=preprocessing,
        image_encoder=VisionTokens(whole.vision_model),
        qformer=whole.qformer,
        query_tokens=whole.query_tokens,
        projection=whole.language_projection,
        language_model=whole.language_model.to(dtype),
        codec=codec,
    )


def _load(folder: Path) -> Any:
    import torch
    from transformers import InstructBlipForConditionalGeneration

    try:
        with quiet_loading():
            model: Any = InstructBlipForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"the weights cannot be loaded: {shorten(error, 160)}", where=folder, remedy=_REMEDY
        ) from error
    if not model.config.use_decoder_only_language_model:
        raise InputError(
            f"its language model is {model.config.text_config.model_type}, an encoder-decoder",
            where=folder,
            remedy="Take a checkpoint of the Vicuna kind.",
        )
    return model


def read_preprocessing(folder: Path) -> Preprocessing:
    """Return how the checkpoint wants its images, from `preprocessor_config.json`.

    Raises:
        InputError: it is missing or incomplete.
    """
    file = folder / "preprocessor_config.json"
    config = _read_json(file)
    try:
        height, width = config["size"]["height"], config["size"]["width"]
        if height != width:
            raise ValueError(f"images must be square, got {height} x {width}")
        return Preprocessing(size=height, mean=tuple(config["image_mean"]), std=tuple(config["image_std"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"cannot be used: {shorten(error)}", where=file, remedy=_REMEDY) from error


def read_codec(folder: Path, pad_id: int | None) -> TextCodec:
    """Return the checkpoint's two tokenizers as a codec.

    Args:
        folder: The checkpoint.
        pad_id: Of the language model; its EOS where there is none.

    Raises:
        InputError: a tokenizer is missing.
    """
    from transformers import AutoTokenizer

    try:
        words = AutoTokenizer.from_pretrained(folder, bos_token=VICUNA_BOS, unk_token=VICUNA_BOS)
        instruction = AutoTokenizer.from_pretrained(folder / "qformer_tokenizer")
    except (OSError, ValueError) as error:
        raise InputError(f"no tokenizer: {shorten(error, 160)}", where=folder, remedy=_REMEDY) from error
    eos = _id(words, VICUNA_BOS, folder)
    return TextCodec(
        lm_tokenizer=words,
        qformer_tokenizer=instruction,
        opening=(),
        prompt_start=(eos,),
        prompt_end=(),
        instruction_start=(_id(instruction, instruction.cls_token, folder),),
        instruction_end=(_id(instruction, instruction.sep_token, folder),),
        eos_id=eos,
        pad_id=eos if pad_id is None else pad_id,
        instruction_pad_id=_id(instruction, instruction.pad_token, folder),
    )


def _id(tokenizer: PreTrainedTokenizerBase, token: str | None, folder: Path) -> int:
    number = tokenizer.get_vocab().get(str(token))
    if number is None:
        raise InputError(f"a tokenizer lacks the token {token!r}", where=folder, remedy=_REMEDY)
    return int(number)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("this file is missing or no JSON", where=file, remedy=_REMEDY) from error
    return value if isinstance(value, dict) else {}


# InstructBLIP's own: 1e-5 and 0.05; four epochs as EmoVIT's released settings have it.
KIND: Final = ModelKind(assemble, TuningDefaults(epochs=4, batch_size=8, lr=1e-5, weight_decay=0.05))
