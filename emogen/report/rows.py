"""Reads a run's rows fast, and of each only what is reported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec
from pydantic import BaseModel

from emogen.errors import InputError
from emogen.row_file import read_row
from emogen.schemas import LAST_SECOND, Rejection, Sample
from emogen.store import REJECTIONS, SAMPLES

__all__ = ["RecordRow", "RejectionRow", "SampleRow", "TurnRow", "rejection_rows", "sample_rows"]

_BUFFER_BYTES: Final = 1 << 18


class AttributesRow(msgspec.Struct, frozen=True, gc=False):
    """See `emogen.schemas.Attributes`."""

    brightness: float | None = None
    colorfulness: float | None = None
    scene: str | None = None
    object: tuple[str, ...] = ()
    facial_expression: str | None = None
    human_action: str | None = None


class RecordRow(msgspec.Struct, frozen=True, gc=False):
    """See `emogen.schemas.ImageRecord`."""

    id: str
    image: str
    emotion: str | None = None
    labels: tuple[str, ...] = ()
    caption: str | None = None
    attributes: AttributesRow = AttributesRow()
    split: str | None = None
    origin: dict[str, str] = {}


class TurnRow(msgspec.Struct, frozen=True, gc=False):
    """See `emogen.schemas.Turn`."""

    question: str
    answer: str
    kind: str


class UsageRow(msgspec.Struct, frozen=True, gc=False):
    """See `emogen.schemas.Usage`."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False


class ProvenanceRow(msgspec.Struct, frozen=True, gc=False):
    """See `emogen.schemas.Provenance`."""

    backend: str
    model: str
    finish_reason: str = "stop"
    usage: UsageRow = UsageRow()
    latency_s: float = 0.0
    answer_format: str = ""
    revision: int = 0
    cost: float | None = None
    answered_at: Annotated[int, msgspec.Meta(ge=0, le=LAST_SECOND)] | None = None


class SampleRow(msgspec.Struct, frozen=True, gc=False):
    """See `emogen.schemas.Sample`."""

    record: RecordRow
    instruction: str
    turns: tuple[TurnRow, ...]
    provenance: ProvenanceRow
    flags: tuple[str, ...] = ()
    scores: dict[str, float] = {}
    near_duplicate_of: str | None = None


class RejectionRow(msgspec.Struct, frozen=True, gc=False):
    """See `emogen.schemas.Rejection`."""

    record_id: str
    instruction: str
    stage: str
    reason: str
    detail: str = ""
    raw_answer: str | None = None
    provenance: ProvenanceRow | None = None


R = TypeVar("R", bound=msgspec.Struct)


def sample_rows(run: Path) -> Iterator[SampleRow]:
    """Read the samples of a run folder row by row; half a last row, of a run that goes on, is passed over.

    Raises:
        InputError: they cannot be read, or a line is broken; names the file and the line.
    """
    return _rows(run / SAMPLES, SampleRow, Sample)


def rejection_rows(run: Path) -> Iterator[RejectionRow]:
    """Read the rejections of a run folder, as `sample_rows` does."""
    return _rows(run / REJECTIONS, RejectionRow, Rejection)


def _rows(path: Path, row: type[R], whole: type[BaseModel]) -> Iterator[R]:
    decode = msgspec.json.Decoder(row).decode
    try:
        with path.open("rb", buffering=_BUFFER_BYTES) as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield decode(line)
                except msgspec.DecodeError:
                    if line.strip() and line.endswith(b"\n"):
                        yield msgspec.convert(read_row(line, whole, f"{path}:{number}").model_dump(), row)
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=path, remedy="Name a run that you may read."
        ) from error
