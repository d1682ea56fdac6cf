"""A file or a folder is there whole or not at all.

Each is made beside its place under a hidden name, reaches the disk, and is moved there at the end.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from emogen.errors import InputError

__all__ = ["replacing", "replacing_folder", "replacing_path", "writable_folder", "write_bytes", "write_text"]


def writable_folder(folder: Path) -> None:
    """Make the folder where there is none, and make sure that files can be written into it.

    Raises:
        InputError: it cannot be made or written.
    """
    with _translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file beside `path`; leaving the block without an exception moves it into place.

    A file that is there stays as it was until then, and for good where the block fails.

    Raises:
        InputError: `path` is a folder or a device, its folder is missing or not writable, or the disk is full.
    """
    with replacing_path(path) as part, part.open("xb") as file:
        yield file


@contextmanager
def replacing_path(path: Path) -> Iterator[Path]:
    """As `replacing`, for what opens files itself: yield the name to write to."""
    with _translated(path):
        target = _ordinary(path)
        part = _beside(target)
        try:
            yield part
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; raises as `replacing`."""
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all; raises as `replacing`."""
    write_bytes(path, text.encode())


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path`; leaving the block without an exception moves it into place.

    A folder that is there is removed, with all that it holds, after the new one has taken its name: between the
    two, for the moment of a rename, neither has it. Whether it may be removed is for the caller to say.

    Raises:
        InputError: `path` is no folder, the folder around it is missing or not writable, or the disk is full.
    """
    with _translated(path, "folder"):
        target = path.resolve()
        if target.exists() and not target.is_dir():
            raise InputError("this is not a folder", where=path, remedy="Name a folder to write.")
        part, old = _beside(target), _beside(target)
        try:
            part.mkdir()
            yield part
            _sync_files(part)
            _exchange(part, target, old)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _exchange(part: Path, target: Path, old: Path) -> None:
    if not target.exists():
        part.rename(target)
        return
    target.rename(old)
    try:
        part.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _sync_files(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _beside(target: Path) -> Path:
    # Not tempfile's: what it makes can be read by its owner alone, and keeps that after the move.
    return target.with_name(f".emogen-{secrets.token_hex(8)}.part")


def _ordinary(path: Path) -> Path:
    """Return the file that `path` names, through symbolic links; moving onto a device would replace it."""
    target = path.resolve()
    if target.exists() and not target.is_file():
        kind = "a folder" if target.is_dir() else "not an ordinary file"
        raise InputError(f"this is {kind}", where=path, remedy="Name a file to write.")
    return target


@contextmanager
def _translated(path: Path, kind: str = "file") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror or error}",
            where=path,
            remedy=f"Name a {kind} in a folder that exists and that you may write to, on a disk with room.",
        ) from error
