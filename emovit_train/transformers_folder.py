"""Checkpoint folders of transformers, read so that what is missing is an error and not a fresh random number."""

from __future__ import annotations

import json
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Final

from safetensors import SafetensorError

from emogen.errors import InputError, shorten
from emovit_train.quiet import quiet_transformers

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

__all__ = ["image_settings", "load_complete", "model_type", "read_json", "token_id"]

_STAYS_FLOAT32: Final = "_keep_in_fp32_modules_strict"


def model_type(folder: Path) -> str:
    """Return what `config.json` calls the model; empty where it says nothing."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    return str(config.get("model_type", "")) if isinstance(config, dict) else ""


def read_json(file: Path, remedy: str) -> dict[str, Any]:
    """Return a JSON file's object; empty where it holds something else.

    Raises:
        InputError: it is missing or no JSON.
    """
    try:
        value = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("this file is missing or no JSON", where=file, remedy=remedy) from error
    return value if isinstance(value, dict) else {}


def image_settings(folder: Path, remedy: str) -> tuple[Path, dict[str, Any]]:
    """Return how a checkpoint wants its images, and the file that says so.

    Where there are two, the one counts that transformers reads: a processor that was saved by its version 5 keeps them
    in `processor_config.json`, one level deeper, and may leave an older `preprocessor_config.json` beside it.

    Raises:
        InputError: neither is there, or what is there is no JSON.
    """
    nested = folder / "processor_config.json"
    found = read_json(nested, remedy).get("image_processor") if nested.is_file() else None
    if isinstance(found, dict):
        return nested, found
    plain = folder / "preprocessor_config.json"
    found = read_json(plain, remedy)
    return plain, found.get("image_processor", found)


def load_complete(
    model_class: type, folder: Path, dtype: torch.dtype | str, *, float32: set[str], remedy: str
) -> Any:
    """Return a model of transformers, every tensor of it from the folder.

    Args:
        model_class: Of transformers.
        folder: The checkpoint.
        dtype: Of its weights; `auto` is that of the files.
        float32: Names of modules that are float32 all the same.
        remedy: What to do where it is no such checkpoint.

    Raises:
        InputError: the weights cannot be loaded, or some are missing.
    """
    # A class of its own only to name what stays float32: the frozen parts are then never held in full. It passes for
    # the library's own, which renames the tensors of older checkpoints for its own classes alone.
    passing = {"__module__": model_class.__module__, _STAYS_FLOAT32: float32}
    checkpoint: Any = type(model_class.__name__, (model_class,), passing)
    try:
        with quiet_transformers():
            # Shapes that differ are told below, by name.
            model, info = checkpoint.from_pretrained(
                folder, dtype=dtype, output_loading_info=True, ignore_mismatched_sizes=True
            )
    except (OSError, ValueError, RuntimeError, SafetensorError, UnpicklingError) as error:
        raise InputError(
            f"the weights cannot be loaded: {shorten(error, 160)}", where=folder, remedy=remedy
        ) from error
    # transformers fills what is missing with fresh random numbers (queries with zeros), and goes on.
    lost = sorted({*info["missing_keys"], *(str(key[0]) for key in info["mismatched_keys"])})
    if lost:
        raise InputError(
            f"{len(lost)} tensors are missing or of another shape: {shorten(', '.join(lost), 120)}",
            where=folder,
            remedy="Fetch the checkpoint again, all of it.",
        )
    return model


def token_id(tokenizer: PreTrainedTokenizerBase, token: str | None, folder: Path, remedy: str) -> int:
    """Return the number of a token.

    Raises:
        InputError: the tokenizer has none of that name.
    """
    number = tokenizer.get_vocab().get(str(token))
    if number is None:
        raise InputError(f"a tokenizer lacks the token {token!r}", where=folder, remedy=remedy)
    return int(number)
