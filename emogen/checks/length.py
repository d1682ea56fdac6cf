"""A question or an answer is too short to say anything, or long beyond reason."""

from __future__ import annotations

from collections.abc import Iterator

from emogen.checks import Answer, Fault, Score
from emogen.checks.settings import Length

__all__ = ["check"]


def check(answer: Answer, settings: Length) -> Iterator[Fault | Score]:
    """A question or an answer is far too short or too long; measures the words of all answers."""
    total = 0
    for turn in answer.said:
        words = len(turn.answer.text.split())
        total += words
        for part, count, (least, most) in (
            ("question", len(turn.question.text.split()), settings.question_words),
            ("answer", words, getattr(settings.answer_words, turn.kind)),
        ):
            if not least <= count <= most:
                yield Fault(f"{turn.kind} {part} of {count} words, wanted {least} to {most}", turn)
    yield Score(total)
