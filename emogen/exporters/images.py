"""How a row names its image: relative to the folder that the consumer is given, and inside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from emogen.errors import shorten
from emogen.exporters import Problem
from emogen.exporters.text import check_unicode

__all__ = ["check_image", "check_images", "image_path", "is_plain_path"]

_PLAIN: Final = re.compile(r"(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-]+\.[A-Za-z0-9]+")


def image_path(image: str) -> str:
    """Return a record's path with forward slashes, which every system reads."""
    return image.replace("\\", "/")


def is_plain_path(path: str) -> bool:
    """Whether `check_image` surely finds nothing, and no detour: what nearly every path is, seen at once."""
    return _PLAIN.fullmatch(path) is not None


def check_image(value: object, field: str = "image") -> Iterator[Problem]:
    """Yield what is wrong with how a row names its image.

    LLaVA, LAVIS and LLaMA-Factory join it to the image folder by `os.path.join`, which lets an absolute path win.
    """
    if not isinstance(value, str):
        yield Problem(field, f"must be a path, not {shorten(repr(value), 40)}", "Write it as a string.")
        return
    fault = _fault(value)
    if fault:
        rule = f"must {fault}, not {shorten(repr(value), 60)}"
        yield Problem(field, rule, "Write the path relative to the image folder, with '/'.")
    yield from check_unicode(field, value)


def check_images(value: object) -> Iterator[Problem]:
    """Yield what is wrong with the images of a row that may have several."""
    if not isinstance(value, list):
        yield Problem(
            "images", f"must be a list, not {shorten(repr(value), 40)}", "Write the paths in a list."
        )
        return
    for index, image in enumerate(value):
        yield from check_image(image, f"images[{index}]")


def _fault(path: str) -> str | None:
    if path.strip() in {"", "."} or path.endswith("/") or "\0" in path:
        return "name a file"
    if "\\" in path:
        return "have forward slashes"
    # A drive counts as well as a root, so that a file made on one system holds on the other.
    if path[0] == "/" or path[1:2] == ":" or "://" in path:
        return "be relative to the image folder"
    if ".." in path and ".." in path.split("/"):
        return "stay inside the image folder"
    return None
