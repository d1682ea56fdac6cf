"""Reads the samples of a run fast, for what all of them pass through.

Making a pydantic `Sample` of each row takes several times as long as reading, changing and writing it. Here a row is
read as what is handed on of it; one that cannot be read so is validated whole, and says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import msgspec
from pydantic import BaseModel

from emogen.errors import InputError
from emogen.row_file import read_row
from emogen.schemas import ImageRecord, Sample, Split, TurnKind

__all__ = [
    "StoredRecord",
    "StoredSample",
    "StoredTurn",
    "as_stored",
    "decoded",
    "line_chunks",
    "stored_samples",
]

_BUFFER_BYTES: Final = 1 << 18
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class StoredTurn(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """See `emogen.schemas.Turn`."""

    question: _Text
    answer: _Text
    kind: TurnKind


class StoredRecord(msgspec.Struct, frozen=True, gc=False):
    """What is handed on of an `emogen.schemas.ImageRecord`."""

    id: _Text
    image: _Text
    emotion: _Text | None = None
    split: Split | None = None


class StoredSample(msgspec.Struct, frozen=True, gc=False):
    """What is handed on of an `emogen.schemas.Sample`."""

    record: StoredRecord
    instruction: str
    turns: Annotated[list[StoredTurn], msgspec.Meta(min_length=1)]
    flags: list[str] = []


def _with_the_rest(stored: type[msgspec.Struct], whole: type[BaseModel], **types: Any) -> Any:
    """Return `stored` with the other fields of `whole`, which are not looked into; it knows no further ones."""
    rest = [
        (name, msgspec.Raw, msgspec.Raw()) for name in whole.model_fields.keys() - stored.__struct_fields__
    ]
    return msgspec.defstruct(
        f"Whole{stored.__name__}",
        [*types.items(), *rest],
        bases=(stored,),
        kw_only=True,
        frozen=True,
        gc=False,
        forbid_unknown_fields=True,
    )


_WHOLE: Final[type[StoredSample]] = _with_the_rest(
    StoredSample, Sample, record=_with_the_rest(StoredRecord, ImageRecord)
)


def as_stored(sample: Sample) -> StoredSample:
    """Return what of a sample is handed on."""
    record = sample.record
    return StoredSample(
        record=StoredRecord(id=record.id, image=record.image, emotion=record.emotion, split=record.split),
        instruction=sample.instruction,
        turns=[StoredTurn(turn.question, turn.answer, turn.kind) for turn in sample.turns],
        flags=list(sample.flags),
    )


def stored_samples(path: Path) -> Iterator[StoredSample]:
    """Read a file of samples row by row.

    Raises:
        InputError: it cannot be read, or a line is broken; names the file and the line.
    """
    with _reading(path) as lines:
        yield from decoded(lines, 1, path)


def line_chunks(path: Path, size: int) -> Iterator[tuple[int, list[bytes]]]:
    """Read the lines of a file, so many at a time, as they are: yield the number of the first one (from 1), and them.

    Raises:
        InputError: it cannot be read.
    """
    number = 1
    with _reading(path) as lines:
        while chunk := list(islice(lines, size)):
            yield number, chunk
            number += len(chunk)


def decoded(lines: Iterable[bytes], first: int, path: Path) -> Iterator[StoredSample]:
    """Yield the samples of some lines of a file; blank ones are passed over.

    Args:
        lines: The lines.
        first: The number of the first one.
        path: The file.

    Raises:
        InputError: a line is broken; names the file and the line.
    """
    decode = msgspec.json.Decoder(_WHOLE).decode
    for number, line in enumerate(lines, first):
        try:
            yield decode(line)
        except msgspec.DecodeError:
            if not line.isspace():
                yield as_stored(read_row(line, Sample, f"{path}:{number}"))


@contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb", buffering=_BUFFER_BYTES) as lines:
            yield lines
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=path, remedy="Name a file that you may read."
        ) from error
