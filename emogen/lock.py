"""One process at a time writes into a folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from emogen.errors import InputError

__all__ = ["LOCK", "locked"]

LOCK: Final = ".lock"


@contextmanager
def locked(folder: Path, what: str = "run folder") -> Iterator[None]:
    """Keep other processes out of a folder while the block runs, and no longer, in whatever way the process ends.

    Args:
        folder: It exists.
        what: What it is, for the error.

    Raises:
        InputError: another process is in it, or it cannot be written.
    """
    try:
        file = (folder / LOCK).open("ab")
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}",
            where=folder,
            remedy="Name a folder that you may write to, on a disk with room.",
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"another process is writing into this {what}",
                where=folder,
                remedy="Wait until it is done, or name another --out.",
            ) from error
        except OSError as error:
            raise InputError(
                f"the file system has no locks ({error.strerror})",
                where=folder,
                remedy="Name a folder on another one, or have it mounted with locks (Lustre: -o flock).",
            ) from error
        yield
