"""A GPU that runs out of memory is the user's to help: with an error that says how."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from emogen.errors import EmovitError

__all__ = ["enough_memory"]


@contextmanager
def enough_memory(where: str) -> Iterator[None]:
    """Turn torch's error into one of ours.

    Args:
        where: Whose weights they are, as the option names them.

    Raises:
        EmovitError: the GPU has not enough memory.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise EmovitError(
            "the GPU has not enough memory",
            where=where,
            remedy="Try a smaller --batch-size, or --dtype bfloat16; what was answered is kept.",
        ) from error
