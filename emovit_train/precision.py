"""The number format of the frozen parts. What is trained always has float32 weights.

A Q-Former kept in bfloat16 hardly moves: small steps are lost when they are added to the weights.
"""

from __future__ import annotations

from typing import Final

import torch

from emogen.errors import InputError, UnknownNameError

__all__ = ["DEVICES", "best_device", "dtype_name", "frozen_dtype", "named_dtype"]

DEVICES: Final = ("auto", "cpu", "cuda")
_DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def frozen_dtype(name: str) -> torch.dtype:
    """Return the number format `name`; `auto` is bfloat16 where this machine multiplies it, else float32.

    Raises:
        UnknownNameError: no such format.
    """
    if name == "auto":
        # Without such instructions bfloat16 is emulated, and slower than float32.
        fast = (
            torch.cuda.is_bf16_supported(including_emulation=False)
            if torch.cuda.is_available()
            else torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
        return torch.bfloat16 if fast else torch.float32
    return named_dtype(name)


def named_dtype(name: str) -> torch.dtype:
    """Return the number format `name`.

    Raises:
        UnknownNameError: no such format.
    """
    if name not in _DTYPES:
        raise UnknownNameError("number format", name, [*_DTYPES, "auto"])
    return _DTYPES[name]


def dtype_name(dtype: torch.dtype) -> str:
    """Return the name of a number format, as in `frozen_dtype`."""
    return str(dtype).removeprefix("torch.")


def best_device(name: str = "auto") -> torch.device:
    """Return where to compute: `cpu`, `cuda`, or `auto`, which is a GPU where there is one.

    Raises:
        UnknownNameError: another name.
        InputError: there is no GPU.
    """
    if name not in DEVICES:
        raise UnknownNameError("device", name, DEVICES, where="--device")
    has_gpu = torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise InputError("torch finds no GPU", where="--device", remedy="Leave it out, or add --device cpu.")
    return torch.device("cuda" if has_gpu and name != "cpu" else "cpu")
