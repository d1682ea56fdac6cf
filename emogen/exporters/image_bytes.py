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
    b"II+\0",  # BigTIFF
    b"MM\0+",
    b"P1",  # PNM
    b"P2",
    b"P3",
    b"P4",
    b"P5",
    b"P6",
    b"\0\0\0\x0cjP  ",  # JPEG 2000
    b"\xff\x4f\xff\x51",
)
# What follows the size of the first box in files of the ISO base media format.
_BOXES: Final = (b"ftypavif", b"ftypavis", b"ftypheic", b"ftypheix", b"ftypmif1")


def begins_as_image(head: bytes) -> bool:
    """Whether the first `HEAD_BYTES` bytes are those of a format that Pillow, or a plugin of it, reads.

    Nothing is decoded.
    """
    return (
        head.startswith(_BEGINNINGS)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or head[4:12].startswith(_BOXES)
    )


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
