"""One line of a batch's results: an answer, a failure, or nothing that can be used."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import orjson

from emogen.backends import CONTENT_FILTER
from emogen.backends.chat_reply import HttpReply, is_filtered
from emogen.batch.planned import Failure
from emogen.errors import shorten

__all__ = ["Answer", "Garbled", "NoAnswer", "read_line"]

KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Answer:
    """The request was answered; `body` is what the server would have sent had it been asked alone."""

    key: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request was not answered; `reply` is what the server would have sent had it been asked alone, if anything."""

    key: bytes
    failure: Failure
    reply: HttpReply | None = None


@dataclass(frozen=True, slots=True)
class Garbled:
    """The line cannot be read, or names no request."""

    detail: str


def read_line(line: bytes) -> Answer | NoAnswer | Garbled:
    """Read one line of an output or an error file, which differ in nothing that can be relied on.

    Whatever the line holds, nothing is raised.
    """
    try:
        result = _json(line)
        key = bytes.fromhex(result["custom_id"])
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        return Garbled(f"{shorten(error)}: {shorten(line[:200].decode(errors='replace'))}")
    if len(key) != KEY_BYTES:
        return Garbled(f"names no request: {shorten(result['custom_id'])}")
    response = result.get("response")
    if not isinstance(response, dict):
        return NoAnswer(key, _failure(result.get("error"), "no_answer", ""))
    status, body = response.get("status_code"), response.get("body")
    if status == 200 and isinstance(body, dict):
        return Answer(key, json.dumps(body).encode())
    said = body.get("error") if isinstance(body, dict) else None
    reply = HttpReply(status if isinstance(status, int) else 0, json.dumps(body).encode())
    return NoAnswer(key, _failure(said, _reason(reply), f"HTTP {shorten(status)}: "), reply)


def _reason(reply: HttpReply) -> str:
    if reply.status == 429:
        return "rate_limited"
    if not 400 <= reply.status < 500:
        return "server_error"
    return CONTENT_FILTER if is_filtered(reply.body) else "bad_request"


def _json(line: bytes) -> Any:
    """Read a line; one bad byte or half a character in it is no reason to pay for another answer."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line.decode("utf-8", "replace"))


def _failure(error: object, reason: str, beginning: str) -> Failure:
    """Return why a request was not answered; the provider's own code goes before ours where nothing was asked."""
    if not isinstance(error, dict):
        return Failure(reason, f"{beginning}{shorten(error or 'no reason given')}")
    code, message = error.get("code"), error.get("message")
    own = shorten(code, 40) if isinstance(code, str) and code and not beginning else reason
    return Failure(own, f"{beginning}{shorten(message or code or 'no reason given', 200)}")
