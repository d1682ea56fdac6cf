"""From rows to samples: which record and instruction type a row belongs to, where it does not say so.

Rows of ours say so by their ids. Others are read by these rules:

1. A row of several questions is a conversation.
2. A single question whose answer names an emotion in a categorical form is categorical.
3. Single questions about one image that follow each other are one conversation; of four or more, the last is reasoning.
4. One that stands alone is reasoning where it asks why or how, or for reasons; else it is a conversation.

In a conversation of three or more turns the last is the advanced one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from emogen.importers import Found, Pair
from emogen.importers.emotions import emotion_in
from emogen.instructions import INSTRUCTIONS
from emogen.schemas import TurnKind

__all__ = ["CATEGORICAL", "Draft", "Placed", "drafts_of", "kinds_of", "placed"]

CATEGORICAL: Final = "categorical"
_CONVERSATION: Final = "conversation"
_REASONING: Final = "reasoning"
# The turn of a row that is one of several, nobody says which.
_ANY_TURN: Final = -1
# What a generated conversation has before it asks for reasons.
_CONVERSATION_TURNS: Final = 3
_ASKS_FOR_REASONS: Final = re.compile(r"\b(?:why|how|explain|reasons?|what makes)\b", re.IGNORECASE)


class Placed(NamedTuple):
    """A row whose record is known.

    Attributes:
        record_id: The record.
        found: What the row says.
        instruction: The instruction type, where the row says it.
        turn: The number of its turn, from 0, where it is one of several rows of a sample; -1 where it may be.
    """

    record_id: str
    found: Found
    instruction: str | None
    turn: int | None


class Draft(NamedTuple):
    """What becomes one sample."""

    record_id: str
    image: str
    instruction: str
    pairs: tuple[Pair, ...]
    kinds: tuple[TurnKind, ...]


def placed(found: Found) -> Placed:
    """Return a row with its record: that of its name, or that of its image."""
    if found.name is None:
        # A type without a name stands on single questions, of which several may be one sample.
        record_id = str(PurePosixPath(found.image).with_suffix(""))
        return Placed(record_id, found, found.instruction, None if found.instruction is None else _ANY_TURN)
    record_id = found.name
    begin, slash, last = record_id.rpartition("/")
    turn = int(last) if slash and last.isdecimal() else None
    name = begin if turn is not None else record_id
    before, slash, instruction = name.rpartition("/")
    if before and instruction in INSTRUCTIONS.names():
        return Placed(before, found, instruction, turn)
    return Placed(record_id, found, None, None)


def drafts_of(rows: Sequence[Placed], labels: Sequence[str] | None) -> Iterator[Draft]:
    """Yield the samples of rows of one record and image that follow each other."""
    singles: list[Placed] = []
    pieces: list[Placed] = []
    for row in rows:
        if pieces and not _continues(pieces[-1], row):
            yield _joined(pieces)
            pieces = []
        if row.turn is not None:
            pieces.append(row)
        elif row.instruction is not None:
            yield _draft(row, row.instruction)
        elif len(row.found.pairs) > 1:
            yield _draft(row, _CONVERSATION)
        elif emotion_in(row.found.pairs[0], labels):
            yield _draft(row, CATEGORICAL)
        else:
            singles.append(row)
    if pieces:
        yield _joined(pieces)
    yield from _guessed(singles)


def _continues(before: Placed, row: Placed) -> bool:
    if row.turn is None or row.instruction != before.instruction:
        return False
    return row.turn == before.turn == _ANY_TURN or row.turn == (before.turn or 0) + 1


def _guessed(singles: Sequence[Placed]) -> Iterator[Draft]:
    """Yield the samples of single questions of which nothing is known but their order."""
    if len(singles) == 1:
        asks = _ASKS_FOR_REASONS.search(singles[0].found.pairs[0].question)
        yield _draft(singles[0], _REASONING if asks else _CONVERSATION)
        return
    ends = len(singles) - (len(singles) > _CONVERSATION_TURNS)
    if singles:
        yield _joined([row._replace(instruction=_CONVERSATION) for row in singles[:ends]])
    for row in singles[ends:]:
        yield _draft(row, _REASONING)


def _draft(row: Placed, instruction: str) -> Draft:
    pairs = row.found.pairs
    kinds = row.found.kinds or kinds_of(instruction, len(pairs))
    return Draft(row.record_id, row.found.image, instruction, pairs, kinds)


def _joined(rows: Sequence[Placed]) -> Draft:
    pairs = tuple(pair for row in rows for pair in row.found.pairs)
    said = [row.found.kinds for row in rows]
    kinds = tuple(kind for each in said if each for kind in each) if all(said) else None
    found = rows[0].found._replace(pairs=pairs, kinds=kinds)
    return _draft(rows[0]._replace(found=found), rows[0].instruction or _CONVERSATION)


def kinds_of(instruction: str, count: int) -> tuple[TurnKind, ...]:
    """Return the kinds of a sample's turns."""
    if instruction == CATEGORICAL:
        kinds: list[TurnKind] = ["categorical"] * count
    elif instruction == _REASONING:
        kinds = ["reasoning"] * count
    else:
        kinds = ["basic"] * count
        if count >= _CONVERSATION_TURNS:
            kinds[-1] = "advanced"
    return tuple(kinds)
