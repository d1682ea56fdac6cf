"""The files of an export that has one, or several, for each split."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emogen.errors import InputError
from emogen.exporters.options import SPLITS
from emogen.schemas import Split

__all__ = ["part_files", "shard_files"]


def part_files(path: Path, suffix: str) -> Iterator[tuple[Split | None, Path]]:
    """Yield the file that `path` is, or the file of each split in the folder that it is.

    Raises:
        InputError: a folder that holds none.
    """
    if not path.is_dir():
        yield None, path
        return
    names = [f"{split}{suffix}" for split in SPLITS]
    found = [(split, path / name) for split, name in zip(SPLITS, names, strict=True)]
    there = [(split, file) for split, file in found if file.is_file()]
    if not there:
        raise InputError(f"holds none of {', '.join(names)}", where=path, remedy="Name an export, or a file.")
    yield from there


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
