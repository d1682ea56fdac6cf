"""What a chat-completions server sends back: its bytes become a `Completion`, or the error that they mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from emogen.backends import CONTENT_FILTER, RequestError, ThrottledError, TransientError
from emogen.backends.capabilities import capabilities, replacements
from emogen.backends.retry_after import retry_after_s
from emogen.backends.server import Server
from emogen.errors import BackendError, CredentialError, shorten
from emogen.schemas import Completion, Usage

__all__ = ["HttpReply", "failure", "is_filtered", "message_of", "rate_headers", "read_completion"]

# No count of tokens: what is above it is nonsense, and more than files and sums hold.
MOST_TOKENS: Final = 2**40
# As OpenAI, Azure, OpenRouter, Anthropic, DeepSeek and Alibaba say it.
_FILTERED: Final = (
    rb"(?i)content[_ ]filter|content[_ ]?policy|content management policy|ResponsibleAIPolicy|\"flagged_input\""
    rb"|flagged as potentially violating|input was flagged|data_inspection_failed|Content Exists Risk"
)


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One reply, as any transport hands it over.

    Attributes:
        status: HTTP status.
        body: All its bytes.
        headers: Names in lower case.
        server: Who sent it, where that is known.
        took_s: Seconds from sending the request to the last byte.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    server: Server | None = None
    took_s: float = 0.0


def rate_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return those headers that speak of rate limits."""
    return {name: value for name, value in headers.items() if "ratelimit" in name}


def read_completion(raw: bytes, model: str, latency_s: float = 0.0, answer_format: str = "") -> Completion:
    """Read the body of a reply with status 200.

    Args:
        raw: The body.
        model: The model's name where the reply does not say it.
        latency_s: Seconds that the reply took.
        answer_format: How the answer was asked for.

    Raises:
        TransientError: it holds no completion (half an answer, an error under a good status).
    """
    try:
        reply = _json(raw)
        choice = reply["choices"][0]
        message = choice["message"]
        usage = reply.get("usage")
        ended = choice.get("finish_reason") or "stop"
        text, refusal = _arguments(message) or message.get("content"), message.get("refusal")
        return Completion(
            text=text or refusal or "",
            model=str(reply.get("model") or model),
            finish_reason="refusal" if refusal and not text else str(ended),
            usage=Usage(
                prompt_tokens=_count(usage, "prompt_tokens"),
                completion_tokens=_count(usage, "completion_tokens"),
            ),
            latency_s=round(latency_s, 3),
            answer_format=answer_format,
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise TransientError("unreadable_reply", message_of(raw) or "an empty body") from error


def _count(usage: Any, name: str) -> int:
    """Return a number of tokens; 0, which means unknown, where the server says none or one that cannot be."""
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and 0 <= count <= MOST_TOKENS else 0


def _arguments(message: dict[str, Any]) -> str | None:
    """Return the arguments of the function call that a message makes: they are the answer's text."""
    calls = message.get("tool_calls")
    if not calls:
        return None
    arguments = calls[0]["function"]["arguments"]
    # Some servers hand over the object itself.
    return arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()


def failure(reply: HttpReply, server: Server, model: str) -> BackendError:
    """Return what a reply with another status than 200 means.

    Args:
        reply: The reply.
        server: Who sent it.
        model: Who was asked.

    Returns:
        A `ThrottledError` or a `TransientError` where the same request may succeed later, a `RequestError` where it
        will not, another `BackendError` where no request will.
    """
    status, message = reply.status, message_of(reply.body)
    broke = status == 402 or _is_out_of_credit(reply.body)
    if not broke and (status in {408, 409, 429} or status >= 500):
        detail, wait_s = f"HTTP {status}: {message}", retry_after_s(reply.headers)
        if status == 429:
            return ThrottledError(detail, wait_s)
        return TransientError("server_error", detail, wait_s)
    if status in {400, 403, 422} and is_filtered(reply.body):
        return RequestError(CONTENT_FILTER, f"HTTP {status}: {message}")
    if status in {401, 403}:
        return CredentialError(
            f"{server.base_url} refused the key (HTTP {status}): {message}",
            remedy="Check the key's environment variable and what the key may use.",
        )
    if broke:
        return BackendError(
            f"{server.base_url}: the account has no credit left (HTTP {status}): {message}",
            remedy="Add credit, then run the same command again: it goes on from there.",
        )
    if status == 407:
        return BackendError(
            "a proxy on the way wants a name and a password (HTTP 407)",
            where=server.base_url,
            remedy="Write them into HTTP_PROXY or HTTPS_PROXY: http://NAME:PASSWORD@HOST:PORT.",
        )
    if status == 404:
        return BackendError(
            f"{server.base_url} does not serve {model!r} (HTTP 404): {message}",
            remedy=_instead(server, model),
        )
    if 300 <= status < 400:
        place = server.place(reply.headers.get("location", "nowhere"))
        return BackendError(
            f"{server.base_url} sends us on to {shorten(place)} (HTTP {status})",
            remedy="Name the address itself with --base-url.",
        )
    return RequestError("bad_request", f"HTTP {status}: {message}")


def _instead(server: Server, model: str) -> str:
    if server.unknown_model:
        return server.unknown_model
    if server.own and not capabilities(model).replacements:
        return f"Check its name against {server.base_url}/models, and the address, which often ends in /v1."
    return f"Try {', '.join(replacements(model))}, or another server with --base-url."


def _json(raw: bytes) -> Any:
    """Read a reply; one bad byte or half a character in it is no reason to pay for another."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(raw.decode("utf-8", "replace"))


def message_of(raw: bytes) -> str:
    """Return what an error says, as one line."""
    try:
        error = orjson.loads(raw)["error"]
        message = error["message"] if isinstance(error, dict) else str(error)
    except (orjson.JSONDecodeError, LookupError, TypeError):
        message = raw[:400].decode("utf-8", "replace")
    return shorten(message, 200)


def is_filtered(raw: bytes) -> bool:
    """Whether the refusal is about what this one prompt says: another may well be answered."""
    return bool(re.search(_FILTERED, raw))


def _is_out_of_credit(raw: bytes) -> bool:
    """Whether this is OpenAI's 429 that no waiting mends."""
    return b'"insufficient_quota"' in raw
