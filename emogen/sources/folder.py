"""Records from a folder of images, with a metadata file or with one sub-folder for each emotion."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

from emogen.errors import InputError
from emogen.labels import DEFAULT_LABEL_SET, LABEL_SETS
from emogen.schemas import ImageRecord
from emogen.sources import OnProblem, PublishedCounts, SourceOptions, raise_problem
from emogen.sources.delimited import DelimitedTable
from emogen.sources.fields import check_emotion, validate
from emogen.sources.image_names import IMAGE_SUFFIXES
from emogen.sources.json_lines import json_objects
from emogen.sources.jsonl import default_id
from emogen.sources.notes import SPLIT_WORDS, nearest_label, read_notes
from emogen.sources.paths import inside
from emogen.sources.usable import usable

__all__ = ["IMAGE_SUFFIXES", "METADATA_NAMES", "FolderSource", "read_folder"]

METADATA_NAMES: Final = ("metadata.jsonl", "metadata.csv")


class FolderSource:
    """A folder of images, in sub-folders named by emotion or with a metadata file as Hugging Face's imagefolder.

    With a metadata file (the one named, or `metadata.jsonl` or `metadata.csv` inside) the images are those it names, in
    its order, whether or not they exist. Its `file_name`s are relative to the metadata file, or to the folder where
    the file lies outside it.

    Without one, the images are all that the folder and its sub-folders hold, sorted by path. A sub-folder's name is
    the emotion of the images in it, and the images that lie directly in the folder have none. A first level named
    `train`, `val` or `test` above the emotions is the split.
    """

    name = "folder"

    def __init__(self, location: str, options: SourceOptions) -> None:
        self.image_root = Path(location)
        self.published: PublishedCounts | None = None
        self._metadata = options.metadata
        self._labels = options.labels or LABEL_SETS[DEFAULT_LABEL_SET]

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """A folder that nothing else recognises is a folder of images, too."""
        found = [name for name in METADATA_NAMES if (path / name).is_file()]
        return f"{found[0]} is in it" if found else None

    def records(self, on_problem: OnProblem) -> Iterator[ImageRecord]:
        """Yield a record for each image; see the class.

        Raises:
            InputError: the folder or the metadata cannot be used, or there are no images.
        """
        if not self.image_root.is_dir():
            raise InputError(
                "no such folder", where=self.image_root, remedy="Name a folder that holds images."
            )
        metadata = self._metadata or _metadata_in(self.image_root)
        if metadata is None:
            return usable(self._images(), self._from_class, on_problem)
        notes = _Notes(metadata, self.image_root, self._labels)
        if metadata.suffix.lower() in (".csv", ".tsv"):
            table = DelimitedTable(metadata)
            return usable(
                table.rows(on_problem), lambda row: notes.record(row[0], table.fields(*row)), on_problem
            )
        return usable(json_objects(metadata), lambda row: notes.record(*row), on_problem)

    def count(self) -> int | None:
        """Return None: the folder would have to be searched."""
        return None

    def _images(self) -> Iterator[str]:
        found = False
        for image in _images(str(self.image_root), ""):
            found = True
            yield image
        if not found:
            kinds = ", ".join(IMAGE_SUFFIXES)
            raise InputError(
                "no images in this folder", where=self.image_root, remedy=f"Put images there ({kinds})."
            )

    def _from_class(self, image: str) -> ImageRecord:
        parts = PurePosixPath(image).parts
        emotion = nearest_label(parts[-2], self._labels) if len(parts) > 1 else None
        check_emotion(emotion, self._labels, str(self.image_root.joinpath(*parts[:-1])))
        fields = {
            "id": default_id(image),
            "image": image,
            "emotion": emotion,
            "labels": self._labels,
            "split": SPLIT_WORDS.get(parts[0].lower()) if len(parts) > 2 else None,
            "origin": {"emotion": "folder"} if emotion else {},
        }
        # Validated like a user's line, with the place escaped: a file name need not be valid Unicode.
        return validate(ImageRecord, fields, repr(str(self.image_root / image)))


def _metadata_in(folder: Path) -> Path | None:
    found = [folder / name for name in METADATA_NAMES if (folder / name).is_file()]
    if len(found) > 1:
        raise InputError(
            f"both {' and '.join(METADATA_NAMES)} are in this folder",
            where=folder,
            remedy="Say which with --metadata, or remove one.",
        )
    return found[0] if found else None


class _Notes:
    """Makes records of the rows of a metadata file."""

    def __init__(self, metadata: Path, folder: Path, labels: tuple[str, ...]) -> None:
        self._metadata = metadata
        self._labels = labels
        within = metadata.resolve().is_relative_to(folder.resolve())
        self._base = os.path.relpath(metadata.parent, folder) if within else ""
        self._named: dict[str, int] = {}

    def record(self, number: int, fields: dict[str, Any]) -> ImageRecord:
        """Return the record of a numbered row.

        Raises:
            InputError: the row cannot be used, or names an image that an earlier one named.
        """
        where = f"{self._metadata}:{number}"
        notes = read_notes(fields, self._labels, where)
        image = inside(notes.file_name, where, self._base)
        if image in self._named:
            raise InputError(
                f"image {notes.file_name!r} was already named in line {self._named[image]}",
                where=where,
                remedy="Keep one line for each image.",
            )
        self._named[image] = number
        return notes.record(image, default_id(image))


def read_folder(
    folder: Path, metadata: Path | None = None, labels: tuple[str, ...] | None = None
) -> Iterator[ImageRecord]:
    """Read a folder of images strictly: the first row that cannot be used is an `InputError`; see `FolderSource`."""
    return FolderSource(str(folder), SourceOptions(labels, metadata)).records(raise_problem)


def _images(root: str, below: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the paths of all images relative to `root`, sorted, one folder in memory at a time.

    Links are followed, but for those to a folder around them. What leads nowhere is an image that cannot be read.
    """
    here = os.path.join(root, below)  # noqa: PTH118 - a Path for each of 100,000 files is slow
    above = (*above, os.path.realpath(here))
    with os.scandir(here) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.name.startswith("."):
            continue
        if _is_folder(entry):
            if not (entry.is_symlink() and _is_around(os.path.realpath(entry.path), above)):
                yield from _images(root, path, above)
        elif entry.name.lower().endswith(IMAGE_SUFFIXES):
            yield path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link to itself.
        return False


def _is_around(folder: str, inner: tuple[str, ...]) -> bool:
    """Whether a folder is one of others, or holds one."""
    return any(f"{each}/".startswith(f"{folder.rstrip('/')}/") for each in inner)
