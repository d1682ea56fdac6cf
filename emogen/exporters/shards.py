"""How large files are cut: `train-000000.tar`, `train-000001.tar`, ..."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

__all__ = ["shard_names"]


def shard_names(folder: Path, split: str, suffix: str) -> Iterator[Path]:
    """Yield the names of a split's shards, numbered in six digits as WebDataset's `{000000..000007}` wants them."""
    number = 0
    while True:
        yield folder / f"{split}-{number:06}{suffix}"
        number += 1
