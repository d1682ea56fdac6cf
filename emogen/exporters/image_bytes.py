"""Whether bytes are an image that readers decode, by how they begin."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from emogen.errors import InputError

__all__ = ["HEAD_BYTES", "begins_as_image", "file_begins_as_image", "image_of"]

HEAD_BYTES: Final = 12
_BEGINNINGS: Final = (
    b"\xff\xd8",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF8",
    b"BM",
    b"II*\0",  # TIFF
    b"MM\0*",
    b"P3",  # PNM
    b"P5",
    b"P6",
)


def begins_as_image(head: bytes) -> bool:
    """Whether the first `HEAD_BYTES` bytes are those of a format that Pillow reads; nothing is decoded."""
    return head.startswith(_BEGINNINGS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def file_begins_as_image(file: Path) -> bool:
    """As `begins_as_image`, of a file that is there.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return begins_as_image(opened.read(HEAD_BYTES))
    except OSError as error:
        raise _unreadable(file, error) from error


def image_of(file: Path) -> bytes:
    """Return the bytes of an image that is embedded.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> InputError:
    return InputError(f"cannot be read: {error.strerror}", where=file, remedy="Give the right to read it.")
