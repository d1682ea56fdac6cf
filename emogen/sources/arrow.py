"""Records from the Arrow files that `datasets.Dataset.save_to_disk` writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson

from emogen.errors import InputError
from emogen.sources import SourceOptions
from emogen.sources.notes import SPLIT_WORDS
from emogen.sources.paths import inside
from emogen.sources.shards import Shard, ShardedSource, split_of

__all__ = ["ArrowSource"]

_SUFFIX = ".arrow"
_SPLITS = "dataset_dict.json"
_STATE = "state.json"


class ArrowSource(ShardedSource):
    """Arrow, as `save_to_disk` of Hugging Face's datasets writes it: a file, a split's folder, or all splits."""

    name = "arrow"

    def __init__(self, location: str, options: SourceOptions) -> None:
        path = Path(location)
        super().__init__(path if path.is_dir() else path.parent, options.labels, lambda: _shards(path))

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """A file that ends in .arrow, or a folder with dataset_dict.json or with Arrow files and state.json."""
        if path.is_file():
            return f"its name ends in {_SUFFIX}" if path.suffix.lower() == _SUFFIX else None
        if (path / _SPLITS).is_file():
            return f"{_SPLITS} is in it"
        return f"{_STATE} is in it" if (path / _STATE).is_file() and any(path.glob(f"*{_SUFFIX}")) else None


def _shards(path: Path) -> Iterator[Shard]:
    if path.is_file():
        yield Shard(path, split_of(path.stem))
        return
    if not (path / _SPLITS).is_file():
        for file in _files(path):
            yield Shard(file, split_of(path.name))
        return
    for name in _listed(path / _SPLITS, "splits"):
        for file in _files(path / inside(name, str(path / _SPLITS))):
            yield Shard(file, SPLIT_WORDS.get(name.casefold()))


def _files(folder: Path) -> list[Path]:
    """Return the files of one split, in the order that state.json gives."""
    state = folder / _STATE
    names = _listed(state, "_data_files") if state.is_file() else []
    files = [folder / inside(name, str(state)) for name in names] or sorted(folder.glob(f"*{_SUFFIX}"))
    if not files:
        raise InputError("no Arrow files here", where=folder, remedy="Name what save_to_disk wrote.")
    return files


def _listed(path: Path, key: str) -> list[str]:
    """Return the names that a description lists, as text or as `{"filename": ...}`."""
    try:
        entries = orjson.loads(path.read_bytes())[key]
        names = [entry["filename"] if isinstance(entry, dict) else entry for entry in entries]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(
            f"does not list {key!r}", where=path, remedy="Copy the whole folder that save_to_disk wrote."
        ) from error
    if not all(isinstance(name, str) for name in names):
        raise InputError(
            f"{key!r} holds other things than names", where=path, remedy="Copy the folder again."
        )
    return names
