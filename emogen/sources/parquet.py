"""Records from Parquet files: one file, or a folder of them as Hugging Face's Hub has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import get_args

from emogen.errors import InputError
from emogen.schemas import Split
from emogen.sources import SourceOptions
from emogen.sources.files import data_files, root_of
from emogen.sources.shards import Shard, ShardedSource, split_of
from emogen.storage import DataFile

__all__ = ["ParquetSource"]

_SUFFIX = ".parquet"


class ParquetSource(ShardedSource):
    """Parquet: a file, or a folder of files named by split, as data sets on the Hugging Face Hub are kept."""

    name = "parquet"

    def __init__(self, location: str, options: SourceOptions) -> None:
        root = options.image_root or root_of(location)
        super().__init__(root, options.labels, lambda: _shards(location))

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """A file that ends in .parquet, or a folder with such files in it or in its sub-folders."""
        if path.is_file():
            return f"its name ends in {_SUFFIX}" if path.suffix.lower() == _SUFFIX else None
        first = next(_files(path), None)
        return f"{first.relative_to(path)} is in it" if first else None


def _shards(location: str) -> Iterator[Shard]:
    path = Path(location)
    if path.is_file():
        yield Shard(path, split_of(path.stem))
        return
    files = [*_files(path)] if path.is_dir() else data_files(location, (_SUFFIX,))
    if not files:
        raise InputError("no Parquet files here", where=path, remedy="Name a .parquet file, or their folder.")
    found = [Shard(file, _split(file, location)) for file in files]
    order = (*get_args(Split), None)
    yield from sorted(found, key=lambda shard: (order.index(shard.split), str(shard.path)))


def _split(file: DataFile, location: str) -> Split | None:
    """Return the split that a file's name says, or that of the folder that it lies in, below the one that was named."""
    folder = PurePosixPath(str(file)).parent
    return split_of(file.stem) or (split_of(folder.name) if folder != PurePosixPath(location) else None)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of its sub-folders, two levels deep, as `data/train-00000.parquet`."""
    for pattern in ("*", "*/*", "*/*/*"):
        yield from (path for path in folder.glob(f"{pattern}{_SUFFIX}") if not path.name.startswith("."))
