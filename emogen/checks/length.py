"""A question or an answer is too short to say anything, or long beyond reason."""

from __future__ import annotations

from typing import Final

from emogen.checks import Answer
from emogen.schemas import TurnKind

__all__ = ["ANSWER_WORDS", "QUESTION_WORDS", "check"]

QUESTION_WORDS: Final = (3, 80)
# Least and most words of an answer. The paper's basic answers have 10 to 16, its advanced and reasoning answers
# 30 to 40 (Figures 10 and 11); long ones are welcome there, empty phrases are not.
ANSWER_WORDS: Final[dict[TurnKind, tuple[int, int]]] = {
    "categorical": (1, 20),
    "basic": (1, 120),
    "advanced": (12, 600),
    "reasoning": (15, 800),
}


def check(answer: Answer) -> str | None:
    """A question or an answer is far too short or too long."""
    for turn in answer.turns:
        for part, text, (least, most) in (
            ("question", turn.question, QUESTION_WORDS),
            ("answer", turn.answer, ANSWER_WORDS[turn.kind]),
        ):
            words = len(text.split())
            if not least <= words <= most:
                return f"{turn.kind} {part} of {words} words, wanted {least} to {most}"
    return None
