"""Reads what a user wrote about each image: a `metadata.jsonl` as Hugging Face's imagefolder has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from emogen.errors import InputError
from emogen.schemas import Split, Text
from emogen.sources.fields import check_emotion, read_labels, validate
from emogen.sources.json_lines import json_objects

__all__ = ["ImageNotes", "read_metadata"]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class ImageNotes(BaseModel):
    """One line of the metadata file; all but `file_name` may be absent.

    Attributes:
        file_name: Path of the image, relative to the metadata file.
        caption: One sentence that describes the image.
        emotion: The labelled emotion, one of `labels`.
        labels: The label set, as a list or by name.
        scene: See `emogen.schemas.Attributes`, as for the next three.
        object: One name or a list, most certain first.
        facial_expression: The expression of the main face.
        human_action: What the main person does.
        split: `train`, `val` or `test`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file_name: Text
    caption: Text | None = None
    emotion: Text | None = None
    labels: tuple[Text, ...]
    scene: Text | None = None
    object: Annotated[tuple[Text, ...], BeforeValidator(_as_list)] = ()
    facial_expression: Text | None = None
    human_action: Text | None = None
    split: Split | None = None


def read_metadata(path: Path, labels: tuple[str, ...]) -> Iterator[ImageNotes]:
    """Yield the lines of a metadata file; `labels` is the label set of lines that name none.

    Raises:
        InputError: as `emogen.sources.jsonl.read_jsonl`; an image named twice counts as a duplicate.
    """
    lines: dict[str, int] = {}
    for number, fields in json_objects(path):
        where = f"{path}:{number}"
        allowed = read_labels(fields, labels, where)
        check_emotion(fields.get("emotion"), allowed, where)
        notes = validate(ImageNotes, {**fields, "labels": allowed}, where)
        if notes.file_name in lines:
            raise InputError(
                f"image {notes.file_name!r} was already named in line {lines[notes.file_name]}",
                where=where,
                remedy="Keep one line for each image.",
            )
        lines[notes.file_name] = number
        yield notes
