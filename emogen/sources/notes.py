"""What a row of somebody's table says of an image, as a model; and the record that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict

from emogen.schemas import Attributes, ImageRecord, Split, Text, Unit
from emogen.sources.fields import check_emotion, read_labels, validate

__all__ = ["SPLIT_WORDS", "ImageNotes", "nearest_label", "read_notes"]

# How data sets call their splits.
SPLIT_WORDS: Final[Mapping[str, Split]] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
_NOTED: Final = ("caption", "emotion", *Attributes.model_fields)


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class ImageNotes(BaseModel):
    """One row; all but `file_name` may be absent.

    Attributes:
        file_name: Path of the image, relative to the table.
        id: Unique among the rows; by default the path without its suffix.
        caption: One sentence that describes the image.
        emotion: The labelled emotion, one of `labels`.
        labels: The label set, as a list or by name.
        brightness: See `emogen.schemas.Attributes`, as for the next five.
        colorfulness: From 0 to 1.
        scene: Where it is.
        object: One name or a list, most certain first.
        facial_expression: The expression of the main face.
        human_action: What the main person does.
        split: `train`, `val` or `test`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file_name: Text
    id: Text | None = None
    caption: Text | None = None
    emotion: Text | None = None
    labels: tuple[Text, ...]
    brightness: Unit | None = None
    colorfulness: Unit | None = None
    scene: Text | None = None
    object: Annotated[tuple[Text, ...], BeforeValidator(_as_list)] = ()
    facial_expression: Text | None = None
    human_action: Text | None = None
    split: Split | None = None

    def record(self, image: str, name: str) -> ImageRecord:
        """Return the record of the image at the path `image`; `name` is its id where the row gives none."""
        return ImageRecord(
            id=self.id or name,
            image=image,
            emotion=self.emotion,
            labels=self.labels,
            caption=self.caption,
            attributes=Attributes(**{key: getattr(self, key) for key in Attributes.model_fields}),
            split=self.split,
            origin={key: "metadata" for key in _NOTED if getattr(self, key) not in (None, ())},
        )


def read_notes(fields: Mapping[str, Any], labels: tuple[str, ...], where: str) -> ImageNotes:
    """Validate a row; `labels` is the label set of rows that name none.

    Raises:
        InputError: a field is missing, unknown or has a wrong value; names it.
    """
    allowed = read_labels(fields, labels, where)
    known = {**fields, "labels": allowed}
    if isinstance(allowed, tuple):
        known = {**known, "emotion": nearest_label(fields.get("emotion"), allowed)}
    check_emotion(known.get("emotion"), allowed, where)
    return validate(ImageNotes, known, where)


def nearest_label(emotion: object, labels: tuple[str, ...]) -> object:
    """Return the label that `emotion` is but for capitals and spaces around it, or `emotion` itself."""
    if not isinstance(emotion, str) or emotion in labels:
        return emotion
    same = [label for label in labels if label.casefold() == emotion.strip().casefold()]
    return same[0] if len(same) == 1 else emotion
