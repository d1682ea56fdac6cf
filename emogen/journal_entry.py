"""One answer of a journal: the key that its request has, what is kept of it, and how that stands in the file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import orjson

from emogen.schemas import Completion, Message, Prompt

__all__ = ["COLUMNS", "Entry", "PackedEntry", "packed", "request_key", "unpacked"]

COLUMNS: Final = ("key", "record_id", "instruction", "revision", "cost", "body")


@dataclass(frozen=True, slots=True)
class Entry:
    """One durable answer.

    Attributes:
        key: See `request_key`.
        record_id: The record that was asked about.
        instruction: The instruction type.
        revision: 0 for the first request, 1 for the first re-ask with a correction, ...
        attempts: How often the request was sent.
        cost: What it cost when it was asked; None where the price was unknown.
        answered_at: When the answer came in, in whole seconds since 1970 (UTC); of a batch, when it was collected. None
            in journals of earlier versions, which did not keep it.
        completion: The raw answer.
        context: What else is needed to make the sample anew from the journal alone: the record, prompt hashes, seeds.
    """

    key: bytes
    record_id: str
    instruction: str
    revision: int
    attempts: int
    cost: float | None
    answered_at: int | None
    completion: Completion
    context: dict[str, Any]


# An entry as it stands in the file, in the order of `COLUMNS`.
PackedEntry = tuple[bytes, str, str, int, float | None, bytes]


def request_key(model: str, parameters: dict[str, Any], prompt: Prompt, revision: int = 0) -> bytes:
    """Return the SHA-256 of everything that decides what is asked, and for which record.

    Two records that read alike are two requests: each has an answer of its own. The revision is part of it:
    otherwise a rejected answer would be replayed for ever.
    """
    canonical = orjson.dumps(
        [
            model,
            parameters,
            prompt.record_id,
            prompt.instruction,
            [_said(message) for message in prompt.messages],
            prompt.answer_schema,
            [[turn.question, turn.openings, turn.evidence] for turn in prompt.guide],
            revision,
        ],
        option=orjson.OPT_SORT_KEYS,
    )
    return hashlib.sha256(canonical).digest()


def _said(message: Message) -> list[Any]:
    """Return what decides of a message; of its images their files' hashes, so that an edited one is asked anew."""
    words: list[Any] = [message.role, message.content]
    # Without images there is no third part: such requests keep the keys that they always had.
    return [*words, [image.seen.model_dump() for image in message.images]] if message.images else words


def packed(entry: Entry) -> PackedEntry:
    """Return an entry as it stands in the file."""
    body = orjson.dumps(
        {
            "completion": entry.completion.model_dump(),
            "attempts": entry.attempts,
            "answered_at": entry.answered_at,
            "context": entry.context,
        }
    )
    return entry.key, entry.record_id, entry.instruction, entry.revision, entry.cost, body


def unpacked(row: PackedEntry) -> Entry:
    """Return the entry that stands in the file like this."""
    key, record_id, instruction, revision, cost, body = row
    held = orjson.loads(body)
    return Entry(
        key,
        record_id,
        instruction,
        revision,
        held["attempts"],
        cost,
        held.get("answered_at"),
        Completion.model_validate(held["completion"]),
        held["context"],
    )
