"""Images that a file holds itself: each becomes a file of its own below the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from emogen.errors import InputError, shorten
from emogen.exporters import Problem
from emogen.exporters.image_bytes import HEAD_BYTES, begins_as_image

__all__ = ["ImagesInside"]

_SHOWN_DIGITS: Final = 8
_SUFFIXES: Final[Mapping[bytes, str]] = MappingProxyType(
    {b"\xff\xd8": ".jpg", b"\x89PNG": ".png", b"GIF8": ".gif", b"RIFF": ".webp", b"BM": ".bmp"}
)


class ImagesInside:
    """Names the images, and writes them.

    Attributes:
        any: Whether there was one.
    """

    def __init__(self) -> None:
        self.any = False
        # Name → which image got it; the same in every reading of one file.
        self._named: dict[str, bytes] = {}

    def named(self, image: str, content: bytes | None) -> str | Problem:
        """Return what an image is called: as its row says, unless another image is called so."""
        if content is None:
            if not self.any:
                return image
            rule = "must be in the file, as those of other rows are"
            return Problem("image", rule, "Import files with images inside and files without apart.")
        self.any = True
        if not begins_as_image(content[:HEAD_BYTES]):
            rule = f"must be an image, and {shorten(repr(image), 60)} does not begin as one"
            return Problem("image", rule, "Replace the image, or leave the row out.")
        path = PurePosixPath(image)
        path = path if path.suffix else path.with_name(path.name + _suffix(content))
        digest = sha256(content).digest()
        if self._named.setdefault(str(path), digest) == digest:
            return str(path)
        return str(path.with_name(f"{path.stem}-{digest.hex()[:_SHOWN_DIGITS]}{path.suffix}"))

    def write(self, file: Path, content: bytes) -> None:
        """Write an image, unless it is there already.

        Raises:
            InputError: it cannot be written.
        """
        try:
            if file.is_file() and file.stat().st_size == len(content) and file.read_bytes() == content:
                return
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        except OSError as error:
            raise InputError(
                f"cannot be written: {error.strerror}",
                where=file,
                remedy="Free some space, or choose another --out.",
            ) from error


def _suffix(content: bytes) -> str:
    return next((suffix for begin, suffix in _SUFFIXES.items() if content.startswith(begin)), "")
