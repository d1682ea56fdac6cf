"""Records from a folder of images, with a metadata file or with one sub-folder for each emotion."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, get_args

from emogen.errors import InputError
from emogen.labels import DEFAULT_LABEL_SET, LABEL_SETS
from emogen.schemas import Attributes, ImageRecord, Split
from emogen.sources.fields import check_emotion, validate
from emogen.sources.jsonl import default_id
from emogen.sources.metadata import ImageNotes, read_metadata

__all__ = ["IMAGE_SUFFIXES", "METADATA_NAME", "read_folder", "read_whole_folder"]

IMAGE_SUFFIXES: Final = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
METADATA_NAME: Final = "metadata.jsonl"
_NOTED: Final = ("caption", "emotion", "scene", "object", "facial_expression", "human_action")


def read_folder(
    folder: Path, metadata: Path | None = None, labels: tuple[str, ...] | None = None
) -> Iterator[ImageRecord]:
    """Yield a record for each image of a folder; `image` is relative to the folder, `origin` says where from.

    With a metadata file (`metadata`, or `metadata.jsonl` in the folder) the images are those that it
    names, in its order, whether or not they exist. Its `file_name`s are relative to the metadata file,
    or to the folder where the file lies outside it. All of it is checked before the first record.

    Without one, the images are all that the folder and its sub-folders hold, sorted by path. A
    sub-folder's name is the emotion of the images in it, and the images that lie directly in the
    folder have none. A first level named `train`, `val` or `test` above the emotions is the split.

    Args:
        folder: The folder.
        metadata: The metadata file.
        labels: The label set where the metadata names none; `mikels-8` by default.

    Raises:
        InputError: the folder or the metadata cannot be used, there are no images, or a sub-folder's
            name is none of the labels.
    """
    if not folder.is_dir():
        raise InputError("no such folder", where=folder, remedy="Name a folder that holds images.")
    labels = labels or LABEL_SETS[DEFAULT_LABEL_SET]
    if metadata is None and (folder / METADATA_NAME).is_file():
        metadata = folder / METADATA_NAME
    found = _noted(folder, metadata, labels) if metadata else _classed(folder, labels)
    yield from _with_unique_ids(found)


def read_whole_folder(folder: Path, labels: tuple[str, ...] | None = None) -> Iterator[ImageRecord]:
    """Read a folder with the metadata that lies in it; see `read_folder`."""
    return read_folder(folder, labels=labels)


def _noted(folder: Path, metadata: Path, labels: tuple[str, ...]) -> list[ImageRecord]:
    inside = metadata.resolve().is_relative_to(folder.resolve())
    base = metadata.parent if inside else folder
    return [_from_notes(notes, base, folder) for notes in read_metadata(metadata, labels)]


def _from_notes(notes: ImageNotes, base: Path, folder: Path) -> ImageRecord:
    image = Path(os.path.relpath(base / notes.file_name, folder)).as_posix()
    return ImageRecord(
        id=default_id(image),
        image=image,
        emotion=notes.emotion,
        labels=notes.labels,
        caption=notes.caption,
        attributes=Attributes(
            scene=notes.scene,
            object=notes.object,
            facial_expression=notes.facial_expression,
            human_action=notes.human_action,
        ),
        split=notes.split,
        origin={name: "metadata" for name in _NOTED if getattr(notes, name)},
    )


def _classed(folder: Path, labels: tuple[str, ...]) -> list[ImageRecord]:
    images = [path.relative_to(folder) for path in _image_files(folder)]
    if not images:
        kinds = ", ".join(IMAGE_SUFFIXES)
        raise InputError("no images in this folder", where=folder, remedy=f"Put images there ({kinds}).")
    return [_from_class(folder, image, labels) for image in images]


def _image_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def _from_class(folder: Path, image: Path, labels: tuple[str, ...]) -> ImageRecord:
    emotion = image.parent.name or None
    split = image.parts[0] if len(image.parts) > 2 and image.parts[0] in get_args(Split) else None
    check_emotion(emotion, labels, str(folder / image.parent))
    name = image.as_posix()
    fields = {
        "id": default_id(name),
        "image": name,
        "emotion": emotion,
        "labels": labels,
        "split": split,
        "origin": {"emotion": "folder"} if emotion else {},
    }
    # Validated like a user's line, with the place escaped: a file name need not be valid Unicode.
    return validate(ImageRecord, fields, repr(str(folder / image)))


def _with_unique_ids(records: Iterable[ImageRecord]) -> Iterator[ImageRecord]:
    """Give the later of two images that differ in their suffix only its whole name as id."""
    taken: set[str] = set()
    for record in records:
        unique = record if record.id not in taken else record.model_copy(update={"id": record.image})
        taken.add(unique.id)
        yield unique
