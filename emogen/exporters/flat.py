"""Rows for readers that bring no form of their own: a column for each thing that is known.

A question and its answer are two columns; a conversation is `messages`, which TRL and chat templates take as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from emogen.errors import shorten
from emogen.exporters import Example, Problem, Row
from emogen.exporters.messages import check_messages
from emogen.exporters.text import IMAGE_MARKS, check_text, check_unicode
from emogen.stored import StoredTurn

__all__ = ["check_flat", "flat_row"]

_NAMES: Final = ("id", "record_id", "instruction", "emotion", "kind")
_TEXTS: Final = ("question", "answer")


def flat_row(example: Example) -> Row:
    """Return what is known of an example, but for its image.

    That is `{id, record_id, instruction, emotion}` with `{kind, question, answer}` for a single question, and with
    `{kinds: [str], messages: [{role, content}]}` for a conversation, a kind for each question.
    """
    known: Row = {
        "id": example.id,
        "record_id": example.record_id,
        "instruction": example.instruction,
        "emotion": example.emotion,
    }
    if example.form == "single":
        turn = example.turns[0]
        return {**known, "kind": turn.kind, "question": turn.question, "answer": turn.answer}
    return {**known, "kinds": [turn.kind for turn in example.turns], "messages": _messages(example.turns)}


def _messages(turns: Sequence[StoredTurn]) -> list[dict[str, str]]:
    said = []
    for turn in turns:
        said.append({"role": "user", "content": turn.question})
        said.append({"role": "assistant", "content": turn.answer})
    return said


def check_flat(row: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the columns that are there, whoever wrote them; others may hold anything."""
    for name in _NAMES:
        yield from check_unicode(name, row.get(name))
    for name in _TEXTS:
        if name in row:
            yield from check_text(name, row[name], IMAGE_MARKS)
    if "messages" in row:
        messages = row["messages"]
        if isinstance(messages, list) and messages:
            yield from check_messages(messages)
        else:
            rule = f"must be a list of messages, not {shorten(repr(messages), 40)}"
            yield Problem("messages", rule, "Write a question and its answer.")
