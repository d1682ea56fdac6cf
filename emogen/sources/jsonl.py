"""Records from a JSONL file: one `ImageRecord` a line, such as `emogen describe` writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emogen.errors import InputError
from emogen.labels import DEFAULT_LABEL_SET, LABEL_SETS
from emogen.schemas import ImageRecord
from emogen.sources.fields import check_emotion, read_labels, validate
from emogen.sources.json_lines import json_objects

__all__ = ["default_id", "read_jsonl"]


def read_jsonl(path: Path, labels: tuple[str, ...] | None = None) -> Iterator[ImageRecord]:
    """Yield the records of a JSONL file, reading a line only when its record is asked for.

    A line holds the fields of `ImageRecord`. Only `image` is required; the file that it names need not
    exist. `labels` is a list or the name of a label set; `id` is by default the image's path without
    its suffix.

    Args:
        path: The file.
        labels: The label set of all records, instead of theirs.

    Raises:
        InputError: the file cannot be read or is empty; a line is broken, holds an unknown field, a
            wrong value or an emotion that is none of its labels; two lines have the same id.
    """
    lines: dict[str, int] = {}
    for number, fields in json_objects(path):
        where = f"{path}:{number}"
        record = _record(fields, labels, where)
        if record.id in lines:
            raise InputError(
                f"id {record.id!r} was already given in line {lines[record.id]}",
                where=where,
                remedy="Give each record an 'id' of its own.",
            )
        lines[record.id] = number
        yield record


def default_id(image: str) -> str:
    """Return the id of a record that was given none: the image's path without its suffix."""
    return os.path.splitext(image)[0].removeprefix("./") or image  # noqa: PTH122 - a Path would rewrite URLs


def _record(fields: dict[str, Any], override: tuple[str, ...] | None, where: str) -> ImageRecord:
    labels = override or read_labels(fields, LABEL_SETS[DEFAULT_LABEL_SET], where)
    check_emotion(fields.get("emotion"), labels, where)
    image = fields.get("image")
    # Where the image is wrong, the default is any text, so that the error speaks of the image.
    name = default_id(image) if image and isinstance(image, str) else where
    return validate(ImageRecord, {"id": name, **fields, "labels": labels}, where)
