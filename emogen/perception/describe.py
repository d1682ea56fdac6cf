"""Completes image records from the pixels, and writes them down: what `emogen describe` does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import orjson

from emogen.atomic import replacing, writable_folder
from emogen.errors import InputError
from emogen.image_file import read_rgb
from emogen.perception import objects as object_classes
from emogen.perception.image_statistics import brightness, colorfulness
from emogen.schemas import ImageRecord

__all__ = ["DescribeReport", "Problem", "describe", "write_records"]


class Problem(NamedTuple):
    """An image that could not be described.

    Attributes:
        image: Its path as the record names it.
        message: What is wrong with it, and the remedy.
    """

    image: str
    message: str


@dataclass(frozen=True)
class DescribeReport:
    """What `write_records` did.

    Attributes:
        written: How many records the file holds.
        problems: The images that it does not hold, in order.
    """

    written: int
    problems: tuple[Problem, ...]


def describe(
    records: Iterable[ImageRecord],
    folder: Path,
    *,
    objects: bool = True,
    on_problem: Callable[[Problem], None] | None = None,
) -> Iterator[ImageRecord]:
    """Yield the records with brightness, colorfulness and object classes filled in from their images.

    What a record says already stays. So the objects named in metadata are the record's objects, and
    the classifier is asked only about images for which none is named. `origin` tells for each value
    whether it is from `metadata`, the `pixels` or `efficientnet-lite0`.

    Args:
        records: The records; `image` is relative to `folder`.
        folder: Where the images are.
        objects: Whether to name objects by EfficientNet-Lite0.
        on_problem: Called for an image that cannot be read, which is then left out.

    Raises:
        InputError: an image cannot be read, and there is no `on_problem`.
        MissingExtraError: a package of the extra `perception` is not installed.
    """
    if objects:
        object_classes.load_classifier()
    for record in records:
        try:
            yield _described(record, folder / record.image, objects=objects)
        except InputError as error:
            if on_problem is None:
                raise
            on_problem(Problem(record.image, str(error)))


def write_records(
    records: Iterable[ImageRecord], folder: Path, out: Path, *, objects: bool = True
) -> DescribeReport:
    """Describe the records' images and write them to the JSONL file `out`, its folder made if need be.

    The file appears whole or not at all, and one that is there already is kept where no image can be
    read. In it, `image` is relative to the file's own folder, so that both can be moved together.

    Args:
        records: The records; `image` is relative to `folder`.
        folder: Where the images are.
        out: The file to write.
        objects: See `describe`.

    Raises:
        InputError: `out` cannot be written, or `records` cannot be read.
        MissingExtraError: as `describe`.
    """
    problems: list[Problem] = []
    written = 0
    writable_folder(out.parent)
    described = describe(records, folder, objects=objects, on_problem=problems.append)
    first = next(described, None)
    if first is None:
        return DescribeReport(0, tuple(problems))
    with replacing(out) as file:
        for record in chain([first], described):
            image = Path(os.path.relpath(folder / record.image, out.parent)).as_posix()
            file.write(_line(record.model_copy(update={"image": image})))
            written += 1
    return DescribeReport(written, tuple(problems))


def _described(record: ImageRecord, path: Path, *, objects: bool) -> ImageRecord:
    known = record.attributes
    image = read_rgb(path)
    found: dict[str, object] = {}
    origin = dict(record.origin)
    if known.brightness is None:
        found["brightness"], origin["brightness"] = brightness(image), "pixels"
    if known.colorfulness is None:
        found["colorfulness"], origin["colorfulness"] = colorfulness(image), "pixels"
    if objects and not known.object and (names := object_classes.object_names(image)):
        found["object"], origin["object"] = names, object_classes.MODEL_NAME
    return record.model_copy(update={"attributes": known.model_copy(update=found), "origin": origin})


def _line(record: ImageRecord) -> bytes:
    fields = record.model_dump(mode="json", exclude_none=True)
    if not record.attributes.object:
        del fields["attributes"]["object"]
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
