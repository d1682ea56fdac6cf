"""What workers hand in at the desk, and what they ask for there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from emogen.admission import CostLimitError
from emogen.errors import BackendError, CredentialError, EmovitError, InputError
from emogen.journal_entry import PackedEntry
from emogen.store import MadeRow

__all__ = ["ASKED", "DONE", "FAILED", "MADE", "NOTE", "Failure", "Made", "Shard", "Tally"]

# Kinds of parcels: answers and rows; a shard that is asked for by its number; a shard that is done; an error that ends
# the run; something that the user must know.
MADE: Final = "made"
ASKED: Final = "asked"
DONE: Final = "done"
FAILED: Final = "failed"
NOTE: Final = "note"
# Errors that are told apart where they arrive.
KINDS: Final[tuple[type[EmovitError], ...]] = (
    CostLimitError,
    CredentialError,
    BackendError,
    InputError,
    EmovitError,
)


class Made(NamedTuple):
    """Answers that are to become durable, and rows of answers that are."""

    answers: list[PackedEntry]
    rows: list[MadeRow]


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a run's records.

    Attributes:
        lines: The records, as JSON.
        skip: Pairs of record id and instruction type that are there already.
        known: What the journal knows of their answers.
        answer_format: In which the run's model answered last; None where that is not known.
    """

    lines: list[bytes]
    skip: frozenset[tuple[str, str]]
    known: list[PackedEntry]
    answer_format: str | None


class Tally(NamedTuple):
    """Of a shard that is done: how many answers came from the journal, and of how many the tokens are estimated.

    Attributes:
        shard: Its number.
        replayed: Answers that the journal knew.
        estimated: Answers whose tokens the server did not count.
    """

    shard: int
    replayed: int
    estimated: int


@dataclass(frozen=True, slots=True)
class Failure:
    """An error on its way to the process that tells the user of it."""

    kind: int
    what: str
    where: str | None
    remedy: str | None

    @classmethod
    def of(cls, error: EmovitError) -> Failure:
        """Pack an error; one of a class that is made of other arguments becomes one of its parent."""
        kind = next(kind for kind in type(error).__mro__ if kind in KINDS)
        return cls(KINDS.index(kind), error.what, error.where, error.remedy)

    def error(self) -> EmovitError:
        """Return the error."""
        return KINDS[self.kind](self.what, where=self.where, remedy=self.remedy)
