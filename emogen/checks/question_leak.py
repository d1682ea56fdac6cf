"""A question gives away the label that a viewer should find."""

from __future__ import annotations

import re

from emogen.checks import Answer

__all__ = ["check"]


def check(answer: Answer) -> str | None:
    """A question names the labelled emotion."""
    emotion = answer.record.emotion
    if emotion is None:
        return None
    for turn in answer.turns:
        if re.search(rf"(?<!\w){re.escape(emotion)}(?!\w)", turn.question, re.IGNORECASE):
            return f"question names {emotion}: {turn.question!r}"
    return None
