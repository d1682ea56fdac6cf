"""Which split an image is exported in: one for the image, however many records and copies of the file there are."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from emogen.errors import InputError
from emogen.exporters.options import SPLITS, Fractions
from emogen.resources import sha256_text
from emogen.schemas import Split

__all__ = ["assign_splits", "split_of_hash", "split_of_image"]

# What records say of an image: the split that is held out from most, as a place in `SPLITS`.
_TABLES: Final = (
    "CREATE TABLE image AS SELECT path, max(own_split) AS said FROM sample GROUP BY path",
    "CREATE TABLE image_size (path TEXT, size INTEGER)",
    "CREATE TABLE image_content (path TEXT PRIMARY KEY, content TEXT) WITHOUT ROWID",
)
_OF_ONE_SIZE: Final = """
SELECT path FROM image_size
WHERE size IN (SELECT size FROM image_size WHERE size IS NOT NULL GROUP BY size HAVING count(*) > 1)
"""
_IDENTITIES: Final = """
CREATE TABLE image_identity AS
SELECT path, said, ifnull(content, 'path:' || path) AS identity FROM image LEFT JOIN image_content USING (path)
"""
_ASSIGN: Final = """
INSERT INTO image_split SELECT path, chosen_split(identity, together.said)
FROM image_identity JOIN (
    SELECT identity, max(said) AS said FROM image_identity GROUP BY identity
) AS together USING (identity)
"""


def assign_splits(
    index: sqlite3.Connection, file_of: Callable[[str], Path], by: Fractions | None, seed: int
) -> None:
    """Give every image of an index its split.

    Images of one path, or of files with the same bytes, get the same. Where a record says which, the image gets
    that; where several disagree, the one that is held out from more: test before val before train. Where none does,
    it is `train`, or by the hash of the file's bytes (of the path, where the file is not there) one of the shares in
    `by`: an image keeps its split whatever else is exported.

    Args:
        index: See `emogen.exporters.index`.
        file_of: Gives the file of an image's path.
        by: Shares of the splits.
        seed: Divides them in another way.

    Raises:
        InputError: an image file is there and cannot be read.
    """
    for table in _TABLES:
        index.execute(table)
    index.executemany(
        "INSERT INTO image_content VALUES (?, ?)", _contents(index, file_of, hash_all=by is not None)
    )
    index.execute(_IDENTITIES)

    def chosen(identity: str, said: int | None) -> int:
        if said is None and by is not None:
            return SPLITS.index(split_of_hash(identity, by, seed))
        return said or 0

    index.create_function("chosen_split", 2, chosen)
    index.execute(_ASSIGN)


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


def split_of_image(file: Path, path: str, by: Fractions, seed: int) -> Split:
    """Return the split that an image falls into that has none, as `assign_splits` gives it: copies get the same.

    Args:
        file: Where it is, or would be.
        path: What its record calls it.
        by: Shares of the splits.
        seed: Divides images in another way.

    Raises:
        InputError: the file is there and cannot be read.
    """
    return split_of_hash(_content(file) or f"path:{path}", by, seed)


def _contents(
    index: sqlite3.Connection, file_of: Callable[[str], Path], *, hash_all: bool
) -> Iterator[tuple[str, str | None]]:
    """Yield the hash of each file that matters.

    Reading all files takes its time: where nothing hangs on the hash itself, only those of the same size are read.
    """
    paths = "SELECT path FROM image ORDER BY path"
    if not hash_all:
        sizes = ((path, _size(file_of(path))) for (path,) in index.execute(paths))
        index.executemany("INSERT INTO image_size VALUES (?, ?)", sizes)
        paths = _OF_ONE_SIZE
    for (path,) in index.execute(paths):
        yield path, _content(file_of(path))


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
