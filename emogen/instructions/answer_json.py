"""Reads JSON out of a model's answer: syntax is mended, content never."""

from __future__ import annotations

import re
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["QuestionAnswer", "load_json"]

_FENCE = re.compile(r"```[a-zA-Z]*\s*\n?(.*?)```", re.DOTALL)
# Beyond this nothing that was asked for can be inside, and repairing costs time quadratic in the length.
MAX_REPAIR_CHARS = 100_000


class QuestionAnswer(BaseModel):
    """One pair, as asked for in JSON."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)

    @field_validator("question", "answer")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        stripped = value.strip()
        if not stripped:
            raise ValueError("is blank")
        return stripped


def load_json(text: str) -> Any | None:
    """Return the JSON value inside `text`, or None where there is none.

    Code fences and words around the value are dropped; trailing commas, single quotes, missing brackets and
    the like are mended by json_repair.
    """
    fenced = _FENCE.search(text)
    body = (fenced.group(1) if fenced else text).strip()
    start = min((i for i in (body.find("{"), body.find("[")) if i >= 0), default=-1)
    if start < 0:
        return None
    body = body[start:]
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _repaired(body)


def _repaired(body: str) -> Any | None:
    if len(body) > MAX_REPAIR_CHARS or not re.search(r"""["'“]\s*(question|basic|advanced)""", body, re.I):
        return None
    import json_repair

    try:
        value = json_repair.loads(body, skip_json_loads=True)
    except (RecursionError, ValueError):
        return None
    return value or None
