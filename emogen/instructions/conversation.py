"""Conversation: two basic interactions and one advanced, written in a single call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emogen.errors import shorten
from emogen.instructions import Unreadable
from emogen.instructions.answer_json import QuestionAnswer, json_pairs, load_json, well_formed
from emogen.instructions.answer_text import Pair, read_pairs
from emogen.prompts import PromptRenderer
from emogen.schemas import ImageInput, ImageRecord, Prompt, Turn, TurnKind

__all__ = ["Conversation", "ConversationAnswer"]

BASIC_TURNS: Final = 2
KINDS: Final[tuple[TurnKind, ...]] = ("basic",) * BASIC_TURNS + ("advanced",)


class ConversationAnswer(BaseModel):
    """The answer as asked for in JSON."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    basic: tuple[QuestionAnswer, ...] = Field(min_length=BASIC_TURNS, max_length=BASIC_TURNS)
    advanced: QuestionAnswer


class Conversation:
    """Two questions with definite answers about what is visible, and an advanced one (paper, section 3.2)."""

    name: Final = "conversation"
    asks_model: Final = True

    def prompt(
        self,
        record: ImageRecord,
        renderer: PromptRenderer,
        *,
        structured: bool,
        guided: bool = True,
        images: tuple[ImageInput, ...] = (),
    ) -> Prompt:
        """Render the prompt of `record`."""
        return renderer.render(
            record,
            self.name,
            kinds=KINDS,
            answer_schema=_SCHEMA if structured else None,
            answer_json=_as_json,
            guided=guided,
            images=images,
        )

    def parse(self, text: str) -> tuple[Turn, ...] | Unreadable:
        """Read three turns from JSON or from "Question: / Answer:" text."""
        text = well_formed(text)
        value = load_json(text)
        pairs = json_pairs(value) or read_pairs(text)
        if len(pairs) == len(KINDS):
            return _turns(pairs)
        problem = _problem(value)
        if problem:
            return problem
        if not pairs:
            return Unreadable("unreadable", f"no question-answer pair found in: {shorten(text)}")
        return Unreadable("turn_count", f"wanted {len(KINDS)} question-answer pairs, found {len(pairs)}")


def _turns(pairs: Sequence[Pair]) -> tuple[Turn, ...]:
    # Models mark the advanced pair or put it last, as asked.
    marked = [i for i, pair in enumerate(pairs) if pair.advanced]
    last = marked[0] if len(marked) == 1 else BASIC_TURNS
    ordered = [pair for i, pair in enumerate(pairs) if i != last] + [pairs[last]]
    return tuple(
        Turn(question=pair.question, answer=pair.answer, kind=kind)
        for pair, kind in zip(ordered, KINDS, strict=True)
    )


def _problem(value: object) -> Unreadable | None:
    """Return what is wrong with JSON of the wanted shape; None where it has another one."""
    if not isinstance(value, dict) or not {"basic", "advanced"} & value.keys():
        return None
    try:
        ConversationAnswer.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        reason = "turn_count" if first["type"] in {"too_short", "too_long"} else "missing_field"
        return Unreadable(reason, f"{field}: {shorten(first['msg'])}")
    return None


def _as_json(turns: Sequence[Turn]) -> str:
    pairs = [{"question": turn.question, "answer": turn.answer} for turn in turns]
    return orjson.dumps({"basic": pairs[:BASIC_TURNS], "advanced": pairs[BASIC_TURNS]}).decode()


_SCHEMA: Final[dict[str, Any]] = ConversationAnswer.model_json_schema()
