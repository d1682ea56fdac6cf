"""How a row names its picture: relative to the folder that the consumer is given, and inside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PureWindowsPath

from emogen.errors import shorten
from emogen.exporters import Problem
from emogen.exporters.text import check_unicode
from emogen.schemas import ImageRecord

__all__ = ["check_image", "image_path"]


def image_path(record: ImageRecord) -> str:
    """Return the record's path as written, with forward slashes, which every system reads."""
    return record.image.replace("\\", "/")


def check_image(value: object) -> Iterator[Problem]:
    """Yield what is wrong with the value of a row's key `image`.

    LLaVA and LAVIS join it to the image folder by `os.path.join`, which lets an absolute path win.
    """
    if not isinstance(value, str):
        yield Problem("image", f"must be a path, not {shorten(repr(value), 40)}", "Write it as a string.")
        return
    fault = _fault(value)
    if fault:
        rule = f"must {fault}, not {shorten(repr(value), 60)}"
        yield Problem("image", rule, "Write the path relative to the image folder, with '/'.")
    yield from check_unicode("image", value)


def _fault(path: str) -> str | None:
    if path.strip() in {"", "."} or path.endswith("/") or "\0" in path:
        return "name a file"
    if "\\" in path:
        return "have forward slashes"
    # Windows' reading knows drives as well as roots, so that a file made on one system holds on the other.
    if PureWindowsPath(path).anchor or "://" in path:
        return "be relative to the image folder"
    if ".." in path.split("/"):
        return "stay inside the image folder"
    return None
