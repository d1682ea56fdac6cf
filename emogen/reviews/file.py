"""The file of decisions: `reviews.jsonl` in the run folder, one a line.

A line is on the disk before anybody is told so; half a last line, of a machine that stopped, is passed over.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from emogen.errors import InputError
from emogen.last_line import mend_last_line
from emogen.reviews.decisions import Review, Reviews
from emogen.row_file import read_row

__all__ = ["REVIEWS", "append_review", "read_reviews"]

REVIEWS: Final = "reviews.jsonl"


def read_reviews(run: Path) -> Reviews:
    """Read the decisions of a run folder; none where there is no such file.

    Raises:
        InputError: the file cannot be read, or a line is broken; names it.
    """
    path = run / REVIEWS
    reviews = Reviews()
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    _take(reviews, line, f"{path}:{number}")
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=path, remedy="Let it be read, or move it away."
        ) from error
    return reviews


def _take(reviews: Reviews, line: bytes, where: str) -> None:
    try:
        reviews.add(read_row(line, Review, where))
    except InputError:
        if line.endswith(b"\n"):
            raise


def append_review(run: Path, review: Review) -> None:
    """Write a decision behind the others; it is on the disk when this returns. Several processes may do so at once.

    Raises:
        InputError: the file cannot be written; what was written before stays.
    """
    path = run / REVIEWS
    line = review.model_dump_json(exclude_defaults=True).encode() + b"\n"
    try:
        with path.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            mend_last_line(path)
            if not file.tell():
                _sync_folder(run)
            _write_whole(file.fileno(), line)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror or error}",
            where=path,
            remedy="Make room on the disk, or let the file be written, and decide again.",
        ) from error


def _write_whole(file: int, line: bytes) -> None:
    """Append a line and let it reach the disk; where it does not fit, nothing of it stays."""
    end = os.fstat(file).st_size
    try:
        rest = line
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    except OSError:
        os.ftruncate(file, end)
        raise


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
