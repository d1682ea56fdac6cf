"""Puts image files into an export: as copies of their bytes, or as links to them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import BinaryIO, Literal

from emogen.errors import InputError

__all__ = ["Placing"]


class Placing:
    """Puts each image into the export once.

    Args:
        way: Whether images are copied or linked to.
        folder: The export while it is made.
        out: Where it will be, for links relative to that.
    """

    def __init__(self, way: Literal["copy", "link"], folder: Path, out: Path) -> None:
        self._way = way
        self._folder = folder
        self._out = out.resolve()

    def put(self, file: Path, place: str) -> None:
        """Put `file` at `place`, a path in the export.

        Raises:
            InputError: it cannot be read.
        """
        target = self._folder / place
        if target.is_symlink() or target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if self._way == "link":
            # Relative, so that the export and the images can be moved together.
            target.symlink_to(os.path.relpath(file.resolve(), (self._out / place).parent))
            return
        with _readable(file) as source, target.open("xb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)


def _readable(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=file, remedy="Give the right to read it."
        ) from error
