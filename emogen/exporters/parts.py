"""The files of an export that has one, or several, for each split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emogen.errors import InputError
from emogen.exporters.options import SPLITS
from emogen.schemas import Split

__all__ = ["part_files", "shard_files"]


def part_files(path: Path, suffix: str) -> Iterator[tuple[Split | None, Path]]:
    """Yield the file that `path` is, or the files of each split in the folder that it is: one, or its shards.

    Raises:
        InputError: a folder that holds none.
    """
    if not path.is_dir():
        yield None, path
        return
    there = [(split, file) for split in SPLITS for file in _files_of(path, split, suffix)]
    if not there:
        names = ", ".join(f"{split}{suffix}" for split in SPLITS)
        raise InputError(f"holds none of {names}", where=path, remedy="Name an export, or a file.")
    yield from there


def _files_of(folder: Path, split: Split, suffix: str) -> list[Path]:
    shard = f"{split}-{'[0-9]' * 6}{suffix}"
    whole = folder / f"{split}{suffix}"
    return [whole] if whole.is_file() else sorted([*folder.glob(shard), *(folder / split).glob(shard)])


def shard_files(path: Path, suffix: str) -> Iterator[tuple[Split | None, Path]]:
    """Yield the file that `path` is, or every file with the suffix in the folder that it is, split by split.

    Raises:
        InputError: a folder that holds none.
    """
    if not path.is_dir():
        yield None, path
        return
    files = sorted(file for file in path.rglob(f"*{suffix}") if file.is_file())
    if not files:
        raise InputError(
            f"holds no file that ends in {suffix}", where=path, remedy="Name an export, or a file."
        )
    places: dict[Split | None, int] = {split: place for place, split in enumerate(SPLITS)}
    named = [(_split_of(file), file) for file in files]
    # What names no split of ours comes last.
    yield from sorted(named, key=lambda each: (places.get(each[0], len(places)), each[1]))


def _split_of(file: Path) -> Split | None:
    return next((split for split in SPLITS if file.name.startswith((f"{split}-", f"{split}."))), None)
