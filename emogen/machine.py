"""What a device can hold and compute, for telling before a long work begins what it takes."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["memory_of", "speed_of"]


def speed_of(device: torch.device) -> float:
    """Return the operations per second of one product of matrices, in the format that models take there."""
    import torch

    size, dtype = (8192, torch.bfloat16) if device.type == "cuda" else (1024, torch.float32)
    matrix = torch.ones(size, size, device=device, dtype=dtype)
    best = 0.0
    for _ in range(3):
        begin_s = time.perf_counter()
        float((matrix @ matrix)[0, 0])
        best = max(best, 2.0 * size**3 / (time.perf_counter() - begin_s))
    return best


def memory_of(device: torch.device) -> float:
    """Return the bytes of memory that a device has."""
    import torch

    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory)
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
