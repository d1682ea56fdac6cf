"""A file is there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from emogen.errors import InputError

__all__ = ["replacing"]


@contextmanager
def replacing(out: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `out`; leaving the block without an exception moves it into place.

    An existing `out` stays as it was until then, and for good where the block fails.

    Raises:
        InputError: `out` is a folder or a device, its folder is missing or not writable, or the disk is full.
    """
    try:
        target = _ordinary(out)
        # Not tempfile's: its files can be read by their owner alone, and keep that after the move.
        part = target.with_name(f".emogen-{secrets.token_hex(8)}.part")
        with _removed_at_the_end(part):
            with part.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "Name a file in a folder that exists and that you may write to, on a disk with room."
        raise InputError(f"cannot be written: {reason}", where=out, remedy=remedy) from error


def _ordinary(out: Path) -> Path:
    """Return the file that `out` names, through symbolic links; moving onto a device would replace it."""
    target = out.resolve()
    if target.exists() and not target.is_file():
        kind = "a folder" if target.is_dir() else "not an ordinary file"
        raise InputError(f"this is {kind}", where=out, remedy="Name a file to write.")
    return target


@contextmanager
def _removed_at_the_end(part: Path) -> Iterator[None]:
    try:
        yield
    finally:
        part.unlink(missing_ok=True)
