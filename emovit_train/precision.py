"""The number format of the frozen language model. What is trained is always float32.

A Q-Former kept in bfloat16 hardly moves: small steps are lost when they are added to the weights.
"""

from __future__ import annotations

from typing import Final

import torch

from emogen.errors import UnknownNameError

__all__ = ["lm_dtype"]

_DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def lm_dtype(name: str) -> torch.dtype:
    """Return the number format `name`; `auto` is bfloat16 where the processor multiplies it, else float32.

    Raises:
        UnknownNameError: no such format.
    """
    if name == "auto":
        # Without such instructions bfloat16 is emulated, and slower than float32.
        return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
    if name not in _DTYPES:
        raise UnknownNameError("number format", name, [*_DTYPES, "auto"])
    return _DTYPES[name]
