"""Which split an image is exported in: one for the image, however many records and copies of the file there are."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from emogen.errors import InputError
from emogen.exporters.options import SPLITS, Fractions
from emogen.exporters.pictures import Picture, Pictures
from emogen.resources import sha256_text
from emogen.schemas import Split

__all__ = ["assign_splits", "split_of_hash"]


def assign_splits(pictures: Pictures, by: Fractions | None, seed: int) -> None:
    """Give every picture its split.

    Pictures of one path, or of files with the same bytes, get the same. Where a record says which, the picture
    gets that; where several disagree, the one that is held out from more: test before val before train. Where
    none does, it is `train`, or by the hash of the file's bytes (of the path, where the file is not there) one
    of the shares in `by`: an image keeps its split whatever else is exported.

    Raises:
        InputError: an image file is there and cannot be read.
    """
    if by is None and _is_unanimous(pictures):
        for picture in pictures.all():
            picture.split = _strictest(picture.own)
        return
    for identity, alike in _groups(pictures, hash_all=by is not None).items():
        said = {split for picture in alike for split in picture.own if split is not None}
        chosen = split_of_hash(identity, by, seed) if by and not said else _strictest(said)
        for picture in alike:
            picture.split = chosen


def _strictest(said: Iterable[Split | None]) -> Split:
    """Return the split that is held out from most of those that are said; one that says nothing is trained on."""
    return max((split or "train" for split in said), key=SPLITS.index, default="train")


def split_of_hash(identity: str, by: Fractions, seed: int) -> Split:
    """Return the split that something falls into, by a seeded hash of its name."""
    point = int(sha256_text(str(seed), identity), 16) / 2**256
    reached = 0.0
    for split, share in zip(SPLITS, by, strict=True):
        reached += share
        if point < reached and share:
            return split
    # The shares may sum to a little less than 1.
    return next(split for split, share in reversed(list(zip(SPLITS, by, strict=True))) if share)


def _groups(pictures: Pictures, *, hash_all: bool) -> dict[str, list[Picture]]:
    """Return the pictures by what they are.

    Reading all files takes its time: where nothing hangs on the hash itself, only those of the same size are read.
    """
    by_path: dict[str, list[Picture]] = defaultdict(list)
    for picture in pictures.all():
        by_path[picture.path].append(picture)
    read: Iterable[str] = by_path if hash_all else _of_same_size(pictures, by_path)
    content = {path: _content(pictures.file(by_path[path][0])) for path in read}
    groups: dict[str, list[Picture]] = defaultdict(list)
    for path, alike in by_path.items():
        groups[content.get(path) or f"path:{path}"] += alike
    return groups


def _is_unanimous(pictures: Pictures) -> bool:
    said = {split or "train" for picture in pictures.all() for split in picture.own}
    return len(said) < 2


def _of_same_size(pictures: Pictures, by_path: dict[str, list[Picture]]) -> Iterable[str]:
    sizes: dict[int, list[str]] = defaultdict(list)
    for path, alike in by_path.items():
        size = _size(pictures.file(alike[0]))
        if size is not None:
            sizes[size].append(path)
    return [path for paths in sizes.values() if len(paths) > 1 for path in paths]


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except (OSError, ValueError):
        return None


def _content(file: Path) -> str | None:
    """Return the hash of a file's bytes, or None where it is not there."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
        return None
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=file, remedy="Give the right to read it, or remove it."
        ) from error
