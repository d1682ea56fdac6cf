"""Reads JSON out of a model's answer: syntax is mended, content never."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator

from emogen.instructions.answer_text import Pair

__all__ = ["QuestionAnswer", "json_pairs", "load_json", "well_formed"]

_START = re.compile(r"[{\[]\s{0,99}(?:[{\[]\s{0,99})?[\"'“”‘’]|\{\s{0,99}\w{1,20}\s{0,9}:")
_WANTED = re.compile(r"\b(?:question|basic|advanced)", re.IGNORECASE)
_ADVANCED = re.compile(r"advanced|complex|deeper", re.IGNORECASE)
# Well above any answer that passes the checks. Repair takes cubic time on hostile text: 50 kB of "{a:" took minutes.
MAX_REPAIR_CHARS: Final = 20_000
MAX_REPAIR_BRACKETS: Final = 64
MAX_DEPTH: Final = 8
# The names of our own schemas: most answers hold no others.
_ASKED_FOR: Final = frozenset({"question", "answer", "basic", "advanced"})
_DECODER: Final = json.JSONDecoder(strict=False)


class QuestionAnswer(BaseModel):
    """One pair, as asked for in JSON."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)

    @field_validator("question", "answer", mode="before")
    @classmethod
    def _not_blank(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        stripped = well_formed(value).strip()
        if not stripped:
            raise ValueError("is blank")
        return stripped


def well_formed(text: str) -> str:
    """Join surrogate pairs, and put U+FFFD for single surrogates, which no file can hold."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def load_json(text: str) -> Any | None:
    """Return the JSON value inside `text` (a list of them, where several follow one another), or None.

    Code fences and words around the value are dropped; trailing commas, single quotes, missing brackets and
    the like are mended by json_repair.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    start = _START.search(text)
    if start is None:
        return None
    values = list(_values(text, start.start()))
    if not values:
        return _repaired(text[start.start() :])
    return values if len(values) > 1 else values[0]


def _values(text: str, position: int) -> Iterator[Any]:
    while True:
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            return
        yield value
        start = _START.search(text, position)
        if start is None:
            return
        position = start.start()


def _repaired(body: str) -> Any | None:
    too_much = len(body) > MAX_REPAIR_CHARS or body.count("{") + body.count("[") > MAX_REPAIR_BRACKETS
    if too_much or not _WANTED.search(body):
        return None
    import json_repair

    try:
        return json_repair.loads(body.rstrip("` \n"), skip_json_loads=True) or None
    except (RecursionError, ValueError):
        return None


def json_pairs(value: object, *, advanced: bool = False) -> list[Pair]:
    """Return the question-answer pairs anywhere in a JSON value, in order, whatever holds them.

    A pair counts as advanced where its own `kind` or `type`, or a key above it, says so.
    """
    pairs: list[Pair] = []
    _find_pairs(value, advanced, MAX_DEPTH, pairs)
    return pairs


def _find_pairs(value: object, advanced: bool, depth: int, pairs: list[Pair]) -> None:
    if not depth:
        return
    if isinstance(value, list):
        for item in value:
            _find_pairs(item, advanced, depth - 1, pairs)
    elif isinstance(value, dict):
        fields, marked = value, advanced
        if not value.keys() <= _ASKED_FOR:
            fields = {str(key).strip().lower(): held for key, held in value.items()}
            said = f"{fields.get('kind', '')} {fields.get('type', '')}"
            marked = advanced or bool(_ADVANCED.search(said))
        pair = _pair(fields, marked)
        if pair:
            pairs.append(pair)
            return
        for key, held in fields.items():
            # Text holds no pairs.
            if not isinstance(held, str):
                _find_pairs(held, advanced or bool(_ADVANCED.search(key)), depth - 1, pairs)


def _pair(fields: dict[str, Any], advanced: bool) -> Pair | None:
    question, answer = fields.get("question"), fields.get("answer")
    if not (isinstance(question, str) and isinstance(answer, str)):
        return None
    question, answer = well_formed(question).strip(), well_formed(answer).strip()
    return Pair(question, answer, advanced) if question and answer else None
