"""How large files are cut: `train-000000.tar`, `train-000001.tar`, ..."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from emogen.exporters import Part, ShardLayout
from emogen.exporters.outlet import Outlet

__all__ = ["RowShards", "shard_name", "shard_names"]


def shard_names(folder: Path, split: str, suffix: str) -> Iterator[Path]:
    """Yield the names of a split's shards, numbered in six digits as WebDataset's `{000000..000007}` wants them."""
    number = 0
    while True:
        yield folder / f"{split}-{number:06}{suffix}"
        number += 1


def shard_name(layout: ShardLayout, split: str, number: int) -> str:
    """Return the name of a shard of so many rows, relative to the export."""
    folder = f"{split}/" if layout.shard_folders else ""
    return f"{folder}{split}-{number:06}{layout.shard_suffix}"


class RowShards:
    """Writes a split into shards of so many rows; the last has what is left.

    Args:
        layout: How a shard's rows lie in its file.
        outlet: Takes each shard when it is whole.
        split: What the names begin with.
        size: Rows in a shard.
    """

    def __init__(self, layout: ShardLayout, outlet: Outlet, split: str, size: int) -> None:
        self._layout = layout
        self._outlet = outlet
        self._split = split
        self._size = size
        self._rows = 0
        self._part: Part | None = None

    def __enter__(self) -> RowShards:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end()
        elif self._part is not None:
            self._part.__exit__(kind, error, trace)

    def _end(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            part.__exit__(None, None, None)
            self._outlet.made(self._name((self._rows - 1) // self._size))

    def add(self, row: bytes, image: Path | None) -> None:
        """Write one row."""
        number, place = divmod(self._rows, self._size)
        if self._part is None or not place:
            self._end()
            file = self._outlet.work / self._name(number)
            file.parent.mkdir(exist_ok=True)
            self._part = self._layout.shard(file, self._rows).__enter__()
        self._part.add(row, image)
        self._rows += 1

    def _name(self, number: int) -> str:
        return shard_name(self._layout, self._split, number)
