"""Writes a file so that a reader sees it whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from emogen.errors import InputError

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file beside `path` that takes its place when the block ends without error and wrote anything.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    if path.is_dir():
        raise InputError("is a folder", where=path, remedy="Name the file to write, such as records.jsonl.")
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if draft.stat().st_size:
            draft.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror}: {error.filename or path})",
            where=path,
            remedy="Name a file in a folder that you may write to.",
        ) from error
    finally:
        _remove(draft)


def _remove(draft: Path) -> None:
    try:
        draft.unlink(missing_ok=True)
    except OSError:
        # A folder that cannot be written to holds no draft.
        return
