"""Tar files that hold a sample as several files of one name: written in order, and read as readers of them see them."""

from __future__ import annotations

import io
import math
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple

from emogen.errors import InputError, shorten
from emogen.exporters.image_bytes import image_of

__all__ = ["Member", "TarShards", "key_and_extension", "members"]

_BLOCK_BYTES: Final = 512
_KEY_DIGITS: Final = 9


class Member(NamedTuple):
    """One file in a tar file."""

    name: str
    content: bytes


class TarShards:
    """Writes samples into tar files, each with the image and the row as JSON.

    Keys are numbers: no dot can end them early, and none occurs twice. Owner, time and rights of every file are the
    same, so that the same samples give the same bytes.

    Args:
        files: The names of the shards.
        shard_bytes: A shard that would become larger is ended, unless it would be empty; None for one file.
        first: The number of the first sample.
    """

    def __init__(self, files: Iterator[Path], shard_bytes: int | None, first: int = 0) -> None:
        self._names = files
        self._shard_bytes = math.inf if shard_bytes is None else shard_bytes
        self._tar: tarfile.TarFile | None = None
        self._written = 0
        self._number = first

    def __enter__(self) -> TarShards:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(whole=kind is None)

    def add(self, row: bytes, image: Path | None) -> None:
        """Write one sample."""
        assert image is not None, "images are embedded"
        content = image_of(image)
        size = _padded(len(content)) + _padded(len(row)) + 2 * _BLOCK_BYTES
        if self._tar is None or self._written + size > self._shard_bytes:
            self._end(whole=True)
            self._tar = tarfile.open(next(self._names), "x:", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - ended by `_end`
            self._written = 0
        key = f"{self._number:0{_KEY_DIGITS}}"
        _put(self._tar, f"{key}.{_extension(image)}", content)
        _put(self._tar, f"{key}.json", row)
        # tarfile keeps every member, for readers.
        self._tar.members.clear()  # type: ignore[attr-defined]
        self._written += size
        self._number += 1

    def _end(self, *, whole: bool) -> None:
        if self._tar is None:
            return
        if whole:
            self._tar.close()
        else:
            with suppress(OSError):
                self._tar.fileobj.close()
        self._tar = None


def _put(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o644
    tar.addfile(info, io.BytesIO(content))


def _padded(size: int) -> int:
    return -(-size // _BLOCK_BYTES) * _BLOCK_BYTES


def _extension(image: Path) -> str:
    suffix = image.suffix.lower().removeprefix(".")
    return "jpg" if suffix == "jpeg" else suffix


def members(file: Path) -> Iterator[Member]:
    """Yield the files in a tar file one by one, as it is read from one end to the other.

    Raises:
        InputError: it cannot be read, or is no tar file, or is cut.
    """
    try:
        with tarfile.open(file, "r|*") as tar:
            for info in tar:
                tar.members.clear()  # type: ignore[attr-defined]
                if info.isfile():
                    content = tar.extractfile(info)
                    assert content is not None, "it is a file"
                    yield Member(info.name, content.read())
    except tarfile.TarError as error:
        raise InputError(
            f"not a whole tar file: {shorten(error)}", where=file, remedy="Write it anew."
        ) from error
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}", where=file, remedy="Name a file that you may read."
        ) from error


def key_and_extension(name: str) -> tuple[str, str]:
    """Return a member's key, all up to the first dot of its base name, and what follows that dot."""
    folder, slash, base = name.rpartition("/")
    stem, _, extension = base.partition(".")
    return folder + slash + stem, extension
