"""Goes on where a row cannot be used, and stops where none can."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from emogen.errors import InputError
from emogen.schemas import ImageRecord
from emogen.sources import OnProblem, Problem

__all__ = ["HOPELESS_AFTER", "usable"]

R = TypeVar("R")

# So many refused rows before the first good one mean that the file is not what it was taken for.
HOPELESS_AFTER: Final = 100


def usable(
    rows: Iterable[R], read: Callable[[R], ImageRecord], on_problem: OnProblem
) -> Iterator[ImageRecord]:
    """Yield what `read` makes of each row; a row that it refuses is a problem, and the next one's turn.

    Of two images with the same id (`a.jpg` and `a.png`) the later gets its whole name as id; the same image with the
    same id is refused.

    Raises:
        InputError: no row can be used, or none of the first `HOPELESS_AFTER`.
    """
    # Hashes take a third of the memory that the texts would.
    ids: set[int] = set()
    images: set[int] = set()
    refused: list[Problem] = []
    for row in rows:
        try:
            record = _unique(read(row), ids, images)
        except InputError as error:
            problem = Problem.of(error)
            if not ids:
                refused.append(problem)
                if len(refused) == HOPELESS_AFTER:
                    raise _hopeless(refused) from error
            on_problem(problem)
            continue
        yield record
    if refused and not ids:
        raise _hopeless(refused)


def _unique(record: ImageRecord, ids: set[int], images: set[int]) -> ImageRecord:
    known = hash(record.image) in images
    images.add(hash(record.image))
    for name in (record.id, record.image):
        if hash(name) not in ids:
            ids.add(hash(name))
            return record if name == record.id else record.model_copy(update={"id": name})
        if known:
            break
    raise InputError(
        f"the image and the id {record.id!r} were given before",
        where=record.image,
        remedy="Keep one row for each image, or give each row an id of its own.",
    )


def _hopeless(refused: list[Problem]) -> InputError:
    first = refused[0]
    return InputError(
        f"none of the first {len(refused)} rows can be used; the first: {first.what}",
        where=first.where,
        remedy="See what the file holds, or say what it is with --source.",
    )
