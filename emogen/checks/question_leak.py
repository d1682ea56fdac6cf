"""A question gives away the label that a viewer should find."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from emogen.checks import Answer, Fault
from emogen.checks.settings import QuestionLeak
from emogen.errors import shorten

__all__ = ["check"]


def check(answer: Answer, settings: QuestionLeak) -> Iterator[Fault]:
    """A question names the labelled emotion."""
    if answer.record.emotion is None:
        return
    emotion = answer.record.emotion.lower()
    for turn in answer.said:
        if emotion in turn.question.lower and _word(emotion).search(turn.question.lower):
            yield Fault(f"question names {emotion}: {shorten(turn.question.text)!r}", turn)


@lru_cache(maxsize=1024)
def _word(label: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(label)}(?!\w)")
