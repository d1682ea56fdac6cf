"""The text denies the labelled emotion, or claims that another one is what the picture evokes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from emogen.checks import Answer, Fault, words_of
from emogen.checks.settings import LabelConflict

__all__ = ["check"]

# "The face expresses anger" may well stand beside a label of fear; "the picture expresses anger" may not.
_CLAIM: Final = (
    r"\b(?:evok\w+|convey\w*|(?:image|picture|photo\w*|scene|view|mood|atmosphere) express\w*|inspir\w*|arous\w*"
    r"|feeling of|sense of|emotion (?:is|of)|mood of)"
    r" (?:(?:a|an|the|strong|deep|feeling|sense|mood|of) ){{0,4}}{label}(?!\w)"
)
_DENIAL: Final = (
    r"(?:\b(?:not?|never|without|lacks?|nothing of)|n['’]t)"
    r" (?:(?:a|an|any|the|feeling|sense|evoke\w*|convey\w*|of) ){{0,4}}{label}(?!\w)"
)
_NEGATION: Final = (
    r"\b(?:no|not|never|nothing|nobody|none|nor|neither|without|hardly|rather than|instead of|far from|cannot"
    r"|could|would|lacks?|free (?:of|from))\b|n['’]t\b"
)


def check(answer: Answer, settings: LabelConflict) -> Iterator[Fault]:
    """The labelled emotion is denied, or another label is claimed and the labelled one never named."""
    if answer.record.emotion is None:
        return
    emotion = answer.record.emotion.lower()
    # Most labels are nowhere in the text: looking for their words is far cheaper than for the claim.
    named = [label for label, words in _labels(answer.record.labels) if words <= answer.words]
    for turn in answer.said if named else ():
        text = turn.answer.lower
        if emotion in text:
            denied = _pattern(_DENIAL, emotion).search(text)
            if denied:
                yield Fault(f"denies {emotion}: {denied.group()!r}", turn)
                continue
            if _pattern(r"(?<!\w){label}(?!\w)", emotion).search(text):
                continue
        for other in named:
            claimed = _claim(text, other) if other != emotion and other in text else None
            if claimed:
                yield Fault(f"claims {other} where the label is {emotion}: {claimed!r}", turn)


@lru_cache(maxsize=64)
def _labels(labels: tuple[str, ...]) -> tuple[tuple[str, frozenset[str]], ...]:
    """Return the labels in lower case, each with its words."""
    return tuple((label, frozenset(words_of(label))) for label in map(str.lower, labels))


@lru_cache(maxsize=1024)
def _pattern(form: str, label: str) -> re.Pattern[str]:
    return re.compile(form.format(label=re.escape(label)))


def _claim(text: str, label: str) -> str | None:
    """Return the words that claim `label`, unless something before them in the sentence takes it back."""
    for found in _pattern(_CLAIM, label).finditer(text):
        sentence = re.split(r"[.!?;\n]", text[max(0, found.start() - 200) : found.start()])[-1]
        if not re.search(_NEGATION, sentence):
            return found.group()
    return None
