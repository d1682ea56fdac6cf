"""Reasoning: one question beyond the visible, answered with reasons, written in a single call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson
from pydantic import ValidationError

from emogen.errors import shorten
from emogen.instructions import Unreadable
from emogen.instructions.answer_json import QuestionAnswer, json_pairs, load_json, well_formed
from emogen.instructions.answer_text import read_pairs
from emogen.prompts import PromptRenderer
from emogen.schemas import ImageInput, ImageRecord, Prompt, Turn

__all__ = ["Reasoning"]


class Reasoning:
    """A question about causes, consequences or meaning, answered as an argument (paper, section 3.2)."""

    name: Final = "reasoning"
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
            kinds=("reasoning",),
            answer_schema=_SCHEMA if structured else None,
            answer_json=_as_json,
            guided=guided,
            images=images,
        )

    def parse(self, text: str) -> tuple[Turn, ...] | Unreadable:
        """Read one turn from JSON or from "Question: / Answer:" text."""
        text = well_formed(text)
        value = load_json(text)
        pairs = json_pairs(value) or read_pairs(text)
        if len(pairs) == 1:
            return (Turn(question=pairs[0].question, answer=pairs[0].answer, kind="reasoning"),)
        if pairs:
            return Unreadable("turn_count", f"wanted 1 question-answer pair, found {len(pairs)}")
        return _problem(value) or Unreadable(
            "unreadable", f"no question-answer pair found in: {shorten(text)}"
        )


def _problem(value: object) -> Unreadable | None:
    """Return what is wrong with JSON of the wanted shape; None where it has another one."""
    if not isinstance(value, dict) or not {"question", "answer"} & value.keys():
        return None
    try:
        QuestionAnswer.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        return Unreadable("missing_field", f"{first['loc'][0]}: {shorten(first['msg'])}")
    return None


def _as_json(turns: Sequence[Turn]) -> str:
    return orjson.dumps({"question": turns[0].question, "answer": turns[0].answer}).decode()


_SCHEMA: Final[dict[str, Any]] = QuestionAnswer.model_json_schema()
