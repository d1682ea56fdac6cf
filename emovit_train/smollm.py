"""SmolLM2-135M-Instruct for transformers, converted once from the embedded model's GGUF file and cached.

Reading the GGUF takes some 20 CPU-seconds, the converted folder a tenth of a second.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from emogen.errors import EmovitError
from emogen.registry import require
from emogen.resources import local_model_file
from emogen.terminal import progress
from emovit_train.quiet import quiet_transformers

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["cache_dir", "converted_folder", "load_smollm"]


def cache_dir() -> Path:
    """Return the folder for converted weights: `EMOVIT_CACHE`, else the user's cache folder."""
    named = os.environ.get("EMOVIT_CACHE")
    if named:
        return Path(named)
    platformdirs = require("platformdirs", extra="train", purpose="The model nano")
    return Path(platformdirs.user_cache_dir("emovit-toolkit", appauthor=False))


def converted_folder() -> Path:
    """Return the folder with the converted model and tokenizer, converting first where it is not there.

    Raises:
        EmovitError: the GGUF file is not installed, or the cache folder cannot be written.
    """
    source = local_model_file()
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    target = cache_dir() / f"smollm2-135m-instruct-{digest[:12]}"
    if not target.is_dir():
        try:
            _convert_into(source, target)
        except OSError as error:
            raise EmovitError(
                f"the converted language model cannot be written: {error}",
                where=target,
                remedy="Name a writable folder: EMOVIT_CACHE=DIR",
            ) from error
    return target


def _convert_into(source: Path, target: Path) -> None:
    # Two processes may convert at once: each works in a folder of its own, and the first rename wins.
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        with progress("converting the language model (once)", 1) as advance, quiet_transformers():
            _convert(source, work)
            advance()
        try:
            work.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _convert(source: Path, folder: Path) -> None:
    require("gguf", extra="train", purpose="The model nano")
    from safetensors.torch import save_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model: Any = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    # `save_pretrained` of the model refuses whatever was once quantised, though its weights are plain now.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.to(torch.bfloat16)
    model.config.dtype = "bfloat16"
    model.config.save_pretrained(folder)
    save_model(model, str(folder / "model.safetensors"), metadata={"format": "pt"})
    tokenizer.save_pretrained(folder)


def load_smollm(dtype: torch.dtype) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the language model (width 576, vocabulary 49,152) in `dtype`, and its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = converted_folder()
    with quiet_transformers():
        # Over some hundred tokens on a CPU, the backward pass of torch's fused attention takes three times as long.
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, attn_implementation="eager"
        )
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    return model, tokenizer
