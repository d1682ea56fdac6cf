"""The image files that the samples are about: how rows name them, and whether they are there."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from emogen.errors import InputError, shorten
from emogen.exporters import Images, Problem
from emogen.exporters.image_bytes import file_begins_as_image
from emogen.exporters.images import check_image, image_path, is_plain_path

__all__ = ["Picture", "Pictures"]

# The samples of one record are seldom far from each other.
_REMEMBERED: Final = 1024


class Picture(NamedTuple):
    """One image as a record names it.

    Attributes:
        path: Relative to the image root, with forward slashes, without detours.
        name: How a row names it.
        faults: Why it cannot be exported.
    """

    path: str
    name: str
    faults: tuple[Problem, ...]


class Pictures:
    """The images of an export.

    Args:
        root: The folder that the records' paths start from.
        images: What is done with them.
        prefix: What comes before the name of an image that lies in the export.
        bare_names: Whether they are named by their file name alone.

    Attributes:
        of: Returns the picture that a record names.
    """

    def __init__(self, root: Path, images: Images, prefix: str, *, bare_names: bool) -> None:
        self._root = root
        self._images = images
        self._prefix = prefix if images in ("copy", "link") else ""
        self._bare_names = bare_names
        self.of: Callable[[str], Picture] = lru_cache(_REMEMBERED)(self._look)

    def file(self, path: str) -> Path:
        """Return the image file of a picture's path."""
        return self._root / path

    def placed(self, path: str) -> str:
        """Return where in the export the image of a picture's path lies."""
        return self._prefix + self._named(path)

    def _named(self, path: str) -> str:
        return posixpath.basename(path) if self._bare_names else path

    def _look(self, image: str) -> Picture:
        written = image_path(image)
        plain = is_plain_path(written)
        path = written if plain else posixpath.normpath(written)
        faults = () if plain else tuple(check_image(written))
        if self._images == "reference":
            return Picture(path, self._named(written), faults)
        return Picture(path, self.placed(path), faults or tuple(self._check_file(path, written)))

    def _check_file(self, path: str, written: str) -> list[Problem]:
        """Return what is wrong with the file of an image that the export holds."""
        if not self._is_file(path):
            rule = f"must be a file that is there, not {shorten(repr(written), 60)}"
            return [Problem("image", rule, "Name the folder of the images by --image-root.")]
        if self._images == "embed" and not file_begins_as_image(self._root / path):
            rule = f"must be an image, and {shorten(repr(written), 60)} does not begin as one"
            return [Problem("image", rule, "Replace the file.")]
        return []

    def _is_file(self, path: str) -> bool:
        try:
            return (self._root / path).is_file()
        except OSError as error:
            raise InputError(
                f"cannot be looked at: {error.strerror}",
                where=self._root / path,
                remedy="Give the right to read it, or leave its record out.",
            ) from error
