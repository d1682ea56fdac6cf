"""The text denies the labelled emotion, or claims that another one is what the picture evokes."""

from __future__ import annotations

import re

from emogen.checks import Answer

__all__ = ["check"]

_CLAIM = (
    r"\b(?:evok\w+|convey\w*|express\w*|inspir\w*|arous\w*|feeling of|sense of|emotion (?:is|of)|mood of)"
    r" (?:(?:a|an|the|strong|deep|feeling|sense|mood|of) ){{0,4}}{label}\b"
)
_DENIAL = (
    r"\b(?:not?|never|without|lacks?|nothing of)"
    r" (?:(?:a|an|any|the|feeling|sense|evoke\w*|convey\w*|of) ){{0,4}}{label}\b"
)


def check(answer: Answer) -> str | None:
    """The labelled emotion is denied, or another label is claimed and the labelled one never named."""
    emotion = answer.record.emotion
    if emotion is None:
        return None
    for turn in answer.turns:
        text = turn.answer.lower()
        denied = re.search(_DENIAL.format(label=re.escape(emotion)), text)
        if denied:
            return f"denies {emotion}: {denied.group()!r}"
        if re.search(rf"\b{re.escape(emotion)}\b", text):
            continue
        for other in answer.record.labels:
            claimed = other != emotion and re.search(_CLAIM.format(label=re.escape(other)), text)
            if claimed:
                return f"claims {other} where the label is {emotion}: {claimed.group()!r}"
    return None
