"""Rows that hold `conversations`, a list of turns that two speakers take: `{from, value}`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from emogen.errors import shorten
from emogen.exporters import Problem
from emogen.exporters.text import IMAGE_TOKEN, check_text
from emogen.stored import StoredTurn

__all__ = ["Consumer", "check_conversation", "check_one_pair", "conversation", "not_an_object"]

_ROLES = ("human", "gpt")
_TOKEN_LINE = f"{IMAGE_TOKEN}\n"


@dataclass(frozen=True)
class Consumer:
    """What one trainer makes of a conversation.

    Attributes:
        name: Its name.
        marks: What it takes for something else than text.
        odd: What it does with an odd number of turns.
        missing: What it does with a row whose image no token stands for.
    """

    name: str
    marks: Mapping[str, str]
    odd: str
    missing: str


def conversation(turns: Sequence[StoredTurn], *, image: bool) -> list[dict[str, str]]:
    """Return the turns of a dialogue, the first of them beginning with the image's token where `image`."""
    said = []
    for turn in turns:
        said.append({"from": "human", "value": turn.question})
        said.append({"from": "gpt", "value": turn.answer})
    if image:
        said[0]["value"] = _TOKEN_LINE + said[0]["value"]
    return said


def not_an_object(row: object) -> list[Problem]:
    """Return the problem of a row that is nothing of the kind."""
    rule = f"must be an object, not {shorten(repr(row), 40)}"
    return [Problem("row", rule, "Write {...} for each row.")]


def check_conversation(turns: object, consumer: Consumer, *, image: bool) -> Iterator[Problem]:
    """Yield what is wrong with a list of turns.

    Args:
        turns: The value of `conversations`.
        consumer: Who reads it.
        image: Whether the row has an image, so that its token must stand once in the first turn, and nowhere else.
    """
    if not isinstance(turns, list) or not turns:
        seen = "missing" if turns is None else shorten(repr(turns), 40)
        yield Problem(
            "conversations", f"must be a list of turns, not {seen}", "Write a question and its answer."
        )
        return
    for index, turn in enumerate(turns):
        field = f"conversations[{index}]"
        if isinstance(turn, dict):
            yield from _check_role(field, turn.get("from"), _ROLES[index % 2])
            yield from _check_value(f"{field}.value", turn.get("value"), consumer, int(image and index == 0))
        else:
            yield Problem(field, f"must be an object, not {shorten(repr(turn), 40)}", "Write {from, value}.")
    if len(turns) % 2:
        yield Problem(
            "conversations",
            f"must have an even number of turns, not {len(turns)}: {consumer.name} {consumer.odd}",
            "Add the missing turn, or take the odd one out.",
        )


def check_one_pair(turns: object, consumer: Consumer) -> Iterator[Problem]:
    """Yield a problem where more than one question and answer are held that the consumer never reads."""
    if isinstance(turns, list) and len(turns) > len(_ROLES):
        rule = (
            f"must have 2 turns, not {len(turns)}: {consumer.name} reads the first question and answer only"
        )
        yield Problem("conversations", rule, "Give each question and answer a row of its own.")


def _check_role(field: str, role: object, wanted: str) -> Iterator[Problem]:
    if role != wanted:
        yield Problem(
            f"{field}.from",
            f"must be {wanted!r}, not {shorten(repr(role), 40)}",
            "Let human and gpt take turns, human first.",
        )


def _check_value(field: str, value: object, consumer: Consumer, wanted: int) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield from check_text(field, value)
        return
    yield from _check_tokens(field, value.count(IMAGE_TOKEN), consumer, wanted)
    # The consumers cut the token out and put it in front, so the text is what remains.
    yield from check_text(field, value.replace(IMAGE_TOKEN, ""), consumer.marks)


def _check_tokens(field: str, found: int, consumer: Consumer, wanted: int) -> Iterator[Problem]:
    if found < wanted:
        rule = f"must hold {IMAGE_TOKEN!r} once: without it {consumer.name} {consumer.missing}"
        remedy = f"Begin the first human turn with '{IMAGE_TOKEN}\\n', or take the image out of the row."
        yield Problem(field, rule, remedy)
    if found > wanted:
        rule = (
            f"must hold {IMAGE_TOKEN!r} once, not {found} times"
            if wanted
            else f"must not hold {IMAGE_TOKEN!r}"
        )
        where = "it stands once in the first human turn of a row with an image, and nowhere else"
        yield Problem(field, f"{rule}: {where}", "Reword the text, or leave the turn out.")
