"""Keeps the paths that a table names inside its own folder."""

from __future__ import annotations

import posixpath
import re

from emogen.errors import InputError, shorten

__all__ = ["inside"]

_DRIVE = re.compile(r"[A-Za-z]:")


def inside(name: str, where: str, base: str = "") -> str:
    """Return the path `name`, which is relative to `base`, relative to the folder that `base` is relative to.

    Backslashes, as tables made on Windows have them, count as slashes. A URL stays as it is.

    Raises:
        InputError: the path is absolute, leads out of the folder, or no file can be called so.
    """
    if "://" in name:
        return name
    path = posixpath.normpath(posixpath.join(base, name.replace("\\", "/")))
    if path.startswith(("/", "../")) or path in ("..", ".") or "\0" in path or _DRIVE.match(path):
        raise InputError(
            f"the path {shorten(name)!r} leads out of the data set's folder",
            where=where,
            remedy="Write it relative to the folder, without '..'.",
        )
    return path
