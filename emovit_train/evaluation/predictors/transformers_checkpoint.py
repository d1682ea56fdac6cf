"""What all checkpoints of transformers that are asked have in common: how they are read, held, and known."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch

from emogen.errors import InputError, MissingPackageError, shorten
from emovit_train.fingerprint import sha256_file
from emovit_train.precision import frozen_dtype
from emovit_train.quiet import quiet_transformers

__all__ = ["REMEDY", "asked_dtype", "identity_of_weights", "load_part"]

REMEDY: Final = "Name a folder that `save_pretrained` wrote, or owner/name of the Hugging Face Hub."


def asked_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the number format of the weights; `auto` is float32 on a CPU.

    Emulated or not, 16 bits on a CPU change answers and save little time.

    Raises:
        UnknownNameError: no such format.
    """
    return frozen_dtype("float32" if name == "auto" and device.type != "cuda" else name)


def identity_of_weights(model: str, config: Any) -> dict[str, str] | str:
    """Return file → SHA-256 of all that holds weights or says how they are used; of the Hub the commit.

    Args:
        model: A folder, or a name on the Hub.
        config: Its configuration, as transformers read it.
    """
    folder = Path(model)
    if not folder.is_dir():
        return str(getattr(config, "_commit_hash", None))
    kinds = (".safetensors", ".bin", ".json", ".model")
    # Results may well lie in a folder of their own inside.
    places = (folder, folder / "qformer_tokenizer")
    files = sorted(path for place in places for path in place.glob("*") if path.suffix in kinds)
    return {str(path.relative_to(folder)): sha256_file(path) for path in files}


def load_part(model: str, kind: str, **options: Any) -> Any:
    """Return a configuration or a processor of a checkpoint, by one of transformers' automatic classes.

    Raises:
        InputError: it cannot be loaded.
        MissingPackageError: a package that it needs is not installed.
    """
    import transformers

    try:
        with quiet_transformers():
            return getattr(transformers, kind).from_pretrained(model, **options)
    except ImportError as error:
        raise MissingPackageError(
            f"this checkpoint needs a package that is not installed: {shorten(error, 200)}",
            where=f"--model {model}",
            remedy="Install it, or name another checkpoint.",
        ) from error
    # Broken files and other kinds of checkpoints end in many exceptions, of tokenizers, too.
    except Exception as error:
        raise InputError(
            f"cannot be loaded: {shorten(error, 200)}", where=f"--model {model}", remedy=REMEDY
        ) from error
