"""Writes results: into a folder that is known to be writable before any work, and each file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emogen.errors import InputError

__all__ = ["prepare_folder", "replaced", "write_text"]


def prepare_folder(folder: Path) -> None:
    """Make the folder, and make sure that files can be written into it.

    Raises:
        InputError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(
            f"this folder cannot be written: {reason}",
            where=folder,
            remedy="Name a writable folder by --out.",
        ) from error


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the place of `path` when the block ends without error."""
    work = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield work
        work.replace(path)
    finally:
        work.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    with replaced(path) as work:
        work.write_text(text, "utf-8")
