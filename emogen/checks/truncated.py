"""The model ran out of tokens, or stopped inside a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from emogen.checks import Answer, Fault
from emogen.checks.settings import Truncated
from emogen.errors import shorten
from emogen.schemas import TurnKind

__all__ = ["check"]

_INSIDE: Final = ",;:–—-/&+([{<“‘«„"
_LIST_ITEM: Final = r"\s*(?:[-*•]|\d{1,2}[.)])\s"
# What a phrase without a full stop does not end in.
_UNFINISHED: Final = frozenset(
    """
    a an and are as at be because but by for from has have her his in into is it its no of on one or so
    that the their these they this those to was were which while who with
    """.split()  # noqa: SIM905 - as a list of 40 literals nobody could read it
)


def check(answer: Answer, settings: Truncated) -> Iterator[Fault]:
    """The answer was cut off at its length limit or inside a sentence."""
    if answer.completion.finish_reason.lower() in {"length", "max_tokens"}:
        yield Fault("the model reached its token limit (raise --max-tokens)")
        return
    for turn in answer.said:
        text = turn.answer.text.rstrip()
        if _is_cut(turn.kind, text, settings.phrase_words):
            yield Fault(f"ends inside a sentence: …{shorten(text[-60:])}", turn)


def _is_cut(kind: TurnKind, text: str, phrase_words: int) -> bool:
    if not text:
        return True
    if text[-1] in _INSIDE:
        return True
    if not text[-1].isalnum():
        return False
    words = text.split()
    if kind == "basic" and len(words) <= phrase_words and words[-1].lower() not in _UNFINISHED:
        return False
    # The items of a list end without a full stop.
    return not re.match(_LIST_ITEM, text.split("\n")[-1])
