"""Records from Parquet files: one file, or a folder of them as Hugging Face's Hub has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from emogen.errors import InputError
from emogen.schemas import Split
from emogen.sources import SourceOptions
from emogen.sources.shards import Shard, ShardedSource, split_of

__all__ = ["ParquetSource"]

_SUFFIX = ".parquet"


class ParquetSource(ShardedSource):
    """Parquet: a file, or a folder of files named by split, as data sets on the Hugging Face Hub are kept."""

    name = "parquet"

    def __init__(self, location: str, options: SourceOptions) -> None:
        path = Path(location)
        super().__init__(path if path.is_dir() else path.parent, options.labels, lambda: _shards(path))

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """A file that ends in .parquet, or a folder with such files in it or in its sub-folders."""
        if path.is_file():
            return f"its name ends in {_SUFFIX}" if path.suffix.lower() == _SUFFIX else None
        first = next(_files(path), None)
        return f"{first.relative_to(path)} is in it" if first else None


def _shards(path: Path) -> Iterator[Shard]:
    if path.is_file():
        yield Shard(path, split_of(path.stem))
        return
    found = [Shard(file, _split(file, path)) for file in _files(path)]
    if not found:
        raise InputError("no Parquet files here", where=path, remedy="Name a .parquet file, or their folder.")
    order = (*get_args(Split), None)
    yield from sorted(found, key=lambda shard: (order.index(shard.split), shard.path))


def _split(file: Path, folder: Path) -> Split | None:
    return split_of(file.stem) or (split_of(file.parent.name) if file.parent != folder else None)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of its sub-folders, two levels deep, as `data/train-00000.parquet`."""
    for pattern in ("*", "*/*", "*/*/*"):
        yield from (path for path in folder.glob(f"{pattern}{_SUFFIX}") if not path.name.startswith("."))
