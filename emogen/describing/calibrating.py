"""Fits the maps of brightness and colorfulness to images whose annotations are known."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Final

from emogen.errors import InputError
from emogen.perception.describe import Description
from emogen.perception.quantile_map import QuantileMaps, fit_maps
from emogen.perception.work import FoundFile
from emogen.schemas import ImageRecord
from emogen.sources import ImagesInside, Problem, open_source
from emogen.terminal import Advance

__all__ = ["MOST_IMAGES", "Show", "maps_of"]

# More images change the quantiles by less than the annotations' step of 0.1.
MOST_IMAGES: Final = 2_000

# Opens a progress bar: what is done, and how many there are.
Show = Callable[[str, int | None], AbstractContextManager[Advance]]


def maps_of(location: str, found: Path, show: Show) -> QuantileMaps:
    """Return the maps that `location` names: a file that was saved, or images to fit them to.

    Args:
        location: A `.json` file; or a data set with brightness and colorfulness of images that lie beside it. Of many,
            `MOST_IMAGES` are taken, by a hash of their ids.
        found: Keeps what was measured, so that an interrupted fit goes on.
        show: Shows progress.

    Raises:
        InputError: the data cannot be used.
    """
    if location.endswith(".json"):
        return QuantileMaps.load(Path(location))
    source = open_source(location)
    if isinstance(source, ImagesInside) and source.has_images_inside():
        raise InputError(
            "the images lie inside of the data files",
            where=f"--calibrate {location}",
            remedy="Write them out with: emogen records DATA --out annotated.jsonl; and name that file.",
        )
    chosen = heapq.nsmallest(MOST_IMAGES, _annotated(source.records(_ignore)), key=_order)
    pairs = [(record.attributes.brightness, record.attributes.colorfulness) for record in chosen]
    bare = [ImageRecord(id=record.id, image=record.image) for record in chosen]
    with FoundFile(found) as kept, show("calibrating", len(chosen)) as advance:
        description = Description(source.image_root, (), kept)
        description.look(bare, lambda record, error: advance(note=record.id))
        described = [description.describe(record) for record in bare]
    measured, annotated = [], []
    for (brightness, colorfulness), (record, error) in zip(pairs, described, strict=True):
        values = record.attributes
        if error is None and values.brightness is not None and values.colorfulness is not None:
            assert brightness is not None
            assert colorfulness is not None
            measured.append((values.brightness, values.colorfulness))
            annotated.append((brightness, colorfulness))
    return fit_maps(Path(location).name, measured, annotated)


def _annotated(records: Iterator[ImageRecord]) -> Iterator[ImageRecord]:
    for record in records:
        said = {record.origin.get(name, "") for name in ("brightness", "colorfulness")}
        known = record.attributes.brightness is not None and record.attributes.colorfulness is not None
        # What this program measured itself would be fitted to itself.
        if known and not any(origin.startswith("pixels") for origin in said):
            yield record


def _order(record: ImageRecord) -> bytes:
    return sha256(record.id.encode("utf-8", "surrogatepass")).digest()


def _ignore(problem: Problem) -> None:
    """What is wrong with single rows of annotations is no business of those who use them."""
