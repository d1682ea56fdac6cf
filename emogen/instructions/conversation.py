"""Conversation: two basic interactions and one advanced, written in a single call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emogen.errors import shorten
from emogen.instructions import Unreadable
from emogen.instructions.answer_json import QuestionAnswer, load_json
from emogen.instructions.answer_text import read_pairs
from emogen.prompts import PromptRenderer
from emogen.schemas import ImageRecord, Prompt, Turn

__all__ = ["Conversation", "ConversationAnswer"]

BASIC_TURNS: Final = 2


class ConversationAnswer(BaseModel):
    """The answer as asked for in JSON."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    basic: tuple[QuestionAnswer, ...] = Field(min_length=BASIC_TURNS, max_length=BASIC_TURNS)
    advanced: QuestionAnswer


class Conversation:
    """Two questions with definite answers about what is visible, and an advanced one (paper, section 3.2)."""

    name: Final = "conversation"
    asks_model: Final = True

    def prompt(self, record: ImageRecord, renderer: PromptRenderer, *, structured: bool) -> Prompt:
        """Render the prompt of `record`."""
        return renderer.render(
            record,
            self.name,
            answer_schema=_SCHEMA if structured else None,
            answer_json=_as_json,
            guide_kinds=(("basic", BASIC_TURNS), ("advanced", 1)),
        )

    def parse(self, text: str) -> tuple[Turn, ...] | Unreadable:
        """Read three turns from JSON or from "Question: / Answer:" text."""
        value = load_json(text)
        if isinstance(value, dict) and ("basic" in value or "advanced" in value):
            try:
                answer = ConversationAnswer.model_validate(value)
            except ValidationError as error:
                return _invalid(error)
            basic = [_turn(pair.question, pair.answer, "basic") for pair in answer.basic]
            return (*basic, _turn(answer.advanced.question, answer.advanced.answer, "advanced"))
        return _from_text(text)


def _from_text(text: str) -> tuple[Turn, ...] | Unreadable:
    pairs = read_pairs(text)
    if not pairs:
        return Unreadable("unreadable", f"no question-answer pair found in: {shorten(text)}")
    if len(pairs) != BASIC_TURNS + 1:
        return Unreadable("turn_count", f"wanted {BASIC_TURNS + 1} question-answer pairs, found {len(pairs)}")
    # Models mark the advanced pair or put it last, as asked.
    marked = [i for i, pair in enumerate(pairs) if pair.advanced]
    last = marked[0] if len(marked) == 1 else BASIC_TURNS
    basic = [_turn(pair.question, pair.answer, "basic") for i, pair in enumerate(pairs) if i != last]
    return (*basic, _turn(pairs[last].question, pairs[last].answer, "advanced"))


def _turn(question: str, answer: str, kind: Any) -> Turn:
    return Turn(question=question, answer=answer, kind=kind)


def _invalid(error: ValidationError) -> Unreadable:
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    reason = "turn_count" if first["type"] in {"too_short", "too_long"} else "missing_field"
    return Unreadable(reason, f"{field}: {shorten(first['msg'])}")


def _as_json(turns: Sequence[Turn]) -> str:
    pairs = [{"question": turn.question, "answer": turn.answer} for turn in turns]
    return orjson.dumps({"basic": pairs[:BASIC_TURNS], "advanced": pairs[BASIC_TURNS]}).decode()


_SCHEMA: Final[dict[str, Any]] = ConversationAnswer.model_json_schema()
