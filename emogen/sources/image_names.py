"""Names of image files that come out of a data set: plain ones, whatever the data set called them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

__all__ = ["IMAGE_SUFFIXES", "plain_name", "signed_suffix"]

IMAGE_SUFFIXES: Final = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

_PLAIN: Final = re.compile(r"[\w][\w .,()+=@~-]{0,120}")
_SIGNATURES: Final = (
    (re.compile(rb"\xff\xd8\xff"), ".jpg"),
    (re.compile(rb"\x89PNG"), ".png"),
    (re.compile(rb"GIF8"), ".gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), ".webp"),
    (re.compile(rb"BM"), ".bmp"),
    (re.compile(rb"II\*\0|MM\0\*"), ".tif"),
)


def plain_name(called: str | None) -> str | None:
    """Return the last part of a path without its image suffix; None where no file should be called so."""
    name = PurePosixPath((called or "").replace("\\", "/")).name
    stem = name[: -len(_suffix(name))] if _suffix(name) else name
    return stem if _PLAIN.fullmatch(stem) else None


def signed_suffix(content: bytes) -> str | None:
    """Return the suffix of the image format that `content` begins like; None where it is none of ours."""
    return next((suffix for signature, suffix in _SIGNATURES if signature.match(content)), None)


def _suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    return suffix if suffix.lower() in IMAGE_SUFFIXES else ""
