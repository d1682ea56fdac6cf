"""Where image records come from: one reader a file, chosen by the suffix of the path.

A reader takes a path and yields `ImageRecord`s one by one; whatever is wrong with the file is an
`InputError` that names the place. No reader opens an image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from emogen.errors import InputError
from emogen.registry import Registry
from emogen.schemas import ImageRecord

__all__ = ["SOURCES", "Reader", "read_records"]

# A path, and the label set that overrides what the source says of it.
Reader = Callable[[Path, tuple[str, ...] | None], Iterator[ImageRecord]]

SOURCES: Final[Registry[Reader]] = Registry(
    "source",
    "emogen.sources",
    {
        "folder": "emogen.sources.folder:read_whole_folder",
        "jsonl": "emogen.sources.jsonl:read_jsonl",
    },
)


def read_records(path: Path, labels: tuple[str, ...] | None = None) -> Iterator[ImageRecord]:
    """Read the records of a file, by the reader that its suffix names, or of a folder of images.

    Records are read as they are asked for, so that a broken line is met only when its turn comes.

    Args:
        path: The file or folder.
        labels: The label set of all records, instead of what the source says; see `emogen.labels.label_set`.

    Raises:
        InputError: nothing is there, no reader knows the suffix, or the content cannot be used.
    """
    if path.is_dir():
        return SOURCES.get("folder")(path, labels)
    if not path.exists():
        raise InputError(
            "no such file", where=path, remedy="`emogen describe` makes one from a folder of images."
        )
    name = path.suffix.removeprefix(".").lower()
    if not name:
        raise InputError(
            "the name has no suffix to tell its format", where=path, remedy="Rename it to end in .jsonl."
        )
    return SOURCES.get(name)(path, labels)
