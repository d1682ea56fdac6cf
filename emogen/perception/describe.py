"""Completes image records from the pixels: what `emogen describe` does before they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from emogen.errors import InputError
from emogen.image_file import read_rgb
from emogen.perception import objects as object_classes
from emogen.perception.image_statistics import brightness, colorfulness
from emogen.schemas import ImageRecord

__all__ = ["Problem", "describe"]


class Problem(NamedTuple):
    """An image that could not be described.

    Attributes:
        image: Its path as the record names it.
        message: What is wrong with it, and the remedy.
    """

    image: str
    message: str


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
