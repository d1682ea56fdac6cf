"""What can be known of an image without a person: measured on its pixels, said by a model, each with its origin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from emogen.schemas import ImageRecord

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ATTRIBUTES", "Finding", "FindingStore", "Named", "Stage", "lacks", "wanted"]

# EmoSet's attributes that a model can name; brightness and colorfulness are measured.
ATTRIBUTES: Final = ("scene", "object", "facial_expression", "human_action")

# Field of a record → what was found; a field that is not in it could not be said. Written to disk as JSON.
Finding = Mapping[str, Any]


class Named(Protocol):
    """What must be known of a stage to find again what it said."""

    @property
    def fields(self) -> Sequence[str]:
        """What it can say: `caption`, `emotion`, names of attributes."""

    @property
    def origin(self) -> str:
        """What `ImageRecord.origin` says of its findings."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What decides its findings, beside the image: the model, its prompt, thresholds, the number format."""


class Stage(Named, Protocol):
    """A model in this process that says something of images, a batch at a time."""

    def prepare(self, image: Image) -> Any:
        """Return the image as the model takes it; called in several threads at once.

        Args:
            image: Mode RGB, upright.
        """

    def find(self, records: Sequence[ImageRecord], prepared: Sequence[Any]) -> list[Finding]:
        """Return what is found in each image, in their order; called from one thread.

        Args:
            records: What of its fields a record lacks is what is wanted of it.
            prepared: The images.
        """


class FindingStore(Protocol):
    """Where findings are kept."""

    def get(self, key: bytes) -> Finding | None:
        """Return what was found; None where nobody looked."""

    def put(self, findings: Iterable[tuple[bytes, Finding]]) -> None:
        """Keep findings, all or none; they are durable when this returns."""


def wanted(record: ImageRecord, fields: Sequence[str]) -> tuple[str, ...]:
    """Return those fields of which the record says nothing."""
    return tuple(field for field in fields if lacks(record, field))


def lacks(record: ImageRecord, field: str) -> bool:
    """Whether nothing is said of a field (`caption`, `emotion`, or an attribute) in a record."""
    holder = record if field in ("caption", "emotion") else record.attributes
    return getattr(holder, field) in (None, ())
