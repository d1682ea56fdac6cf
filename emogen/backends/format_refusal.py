"""Whether an error means that a server, or a model behind it, does not do an answer format.

Servers have no common way to say so. The patterns follow what OpenAI, Azure, vLLM, Ollama, llama.cpp, LM Studio,
OpenRouter, DeepSeek, Groq and litellm are reported to answer: a status (mostly 400, also 404, 422 and 500) and a
sentence that names what was asked for and says that it is not to be had. A sentence about anything else (a length, a
temperature, a context that is too long, one answer that failed) is no refusal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from emogen.backends import AnswerFormat
from emogen.backends.chat_reply import HttpReply, message_of

__all__ = ["format_refusal"]

STATUSES: Final = frozenset({400, 404, 415, 422, 500, 501})
READ_CHARS: Final = 4000

# llama.cpp makes a grammar of every schema, and says so where it cannot.
_GRAMMAR: Final = r"\bgrammars?\b|\bsamplers?\b"
_RESPONSE_FORMAT: Final = (
    r"response[_ ]format|json[_ ](?:schema|object|mode)|structured[_ -]outputs?|\bguided[_ ]"
)
# Texts, which are compiled when they are first needed: few runs ever meet a refusal.
_NAMES: Final[dict[AnswerFormat, str]] = {
    "json_schema": rf"(?i){_RESPONSE_FORMAT}|{_GRAMMAR}",
    "function_call": rf"(?i)\btools?\b|\btool[_ -](?:choice|use|calls?|calling)|\bfunctions?\b|{_GRAMMAR}",
    "json_object": rf"(?i){_RESPONSE_FORMAT}|{_GRAMMAR}",
}
_REFUSES: Final = (
    r"(?i)(?:\bnot\b|n't|\bcannot\b).{0,40}(?:support|permit|allow|implement|enable|available|valid|accept|recogni[sz]e)"
    r"|\bun(?:supported|recogni[sz]ed|known|available|expected|able)\b|\binvalid\b"
    r"|\bmust (?:\w+ )?(?:be|contain|have)\b|\brequires?\b|\bforbidden\b|\bonly\b|no endpoints found"
    r"|one of the following|fail(?:ed|ure)? to (?:parse|init)"
)
# What speaks of formats without refusing one: this answer failed, this prompt is too long, this text is not wanted.
_OTHER: Final = (
    r"(?i)failed[_ ]generation|json_validate_failed|tool_use_failed|does not match the expected schema"
    r"|fail(?:ed|ure)? to parse (?:tool|function|input|output)|arguments as json"
    r"|context[_ ](?:length|window|size)|maximum context|too (?:long|many tokens)"
    r"|content[_ ](?:filter|policy|management)"
)
_ADDRESS: Final = r"https?://\S+"
# Validators repeat the whole request behind what is wrong with it.
_ECHO: Final = r"(?s)[\"']?\b(?:input|input_value|ctx|body)\b[\"']?\s*[:=]\s*[\[{\"'].*"


def format_refusal(reply: HttpReply, asked: AnswerFormat, model: str) -> str | None:
    """Return what the server says where it refuses the format that was asked for; None where that is not the matter.

    Args:
        reply: A reply with another status than 200.
        asked: The format of the request.
        model: Who was asked; a name is no word of the message ("my-tools-7b").
    """
    if reply.status not in STATUSES or asked not in _NAMES:
        return None
    said = re.sub(_ADDRESS, " ", " ".join(_sentences(reply.body)))[:READ_CHARS]
    plain = re.sub(rf"(?<![\w-]){re.escape(model)}(?![\w-])", " ", said)
    refuses = re.search(_NAMES[asked], plain) and re.search(_REFUSES, plain)
    if not refuses or re.search(_OTHER, plain):
        return None
    return f"HTTP {reply.status}: {message_of(reply.body)}"


def _sentences(raw: bytes) -> Iterator[str]:
    """Yield what an error says in words, wherever it keeps them, without the request that it repeats."""
    try:
        reply = orjson.loads(raw)
    except orjson.JSONDecodeError:
        reply = raw[:READ_CHARS].decode("utf-8", "replace")
    for sentence in _strings(reply, 6):
        yield re.sub(_ECHO, "", sentence)


def _strings(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth:
        for item in value:
            yield from _strings(item, depth - 1)
    elif isinstance(value, dict) and depth:
        for key, item in value.items():
            if key not in {"input", "ctx", "body", "url", "request_id", "user_id", "type"}:
                yield from _strings(item, depth - 1)
