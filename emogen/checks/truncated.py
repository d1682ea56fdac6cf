"""The model ran out of tokens, or stopped inside a sentence."""

from __future__ import annotations

import re
from typing import Final

from emogen.checks import Answer
from emogen.errors import shorten
from emogen.schemas import Turn

__all__ = ["check"]

_INSIDE: Final = ",;:–—-/&+([{<“‘«„"
_LIST_ITEM: Final = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)])\s")
# A basic question may be answered by a phrase without a full stop ("A red turban"), which does not end in these.
_PHRASE_WORDS: Final = 6
_UNFINISHED: Final = frozenset(
    """
    a an and are as at be because but by for from has have her his in into is it its no of on one or so
    that the their these they this those to was were which while who with
    """.split()  # noqa: SIM905 - as a list of 40 literals nobody could read it
)


def check(answer: Answer) -> str | None:
    """The answer was cut off at its length limit or inside a sentence."""
    if answer.completion.finish_reason.lower() in {"length", "max_tokens"}:
        return "the model reached its token limit (raise --max-tokens)"
    for turn in answer.turns:
        if _is_cut(turn):
            return f"ends inside a sentence: …{shorten(turn.answer.rstrip()[-60:])}"
    return None


def _is_cut(turn: Turn) -> bool:
    text = turn.answer.rstrip()
    if not text:
        return True
    if text[-1] in _INSIDE:
        return True
    if not text[-1].isalnum():
        return False
    words = text.split()
    if turn.kind == "basic" and len(words) <= _PHRASE_WORDS and words[-1].lower() not in _UNFINISHED:
        return False
    # The items of a list end without a full stop.
    return not _LIST_ITEM.match(text.split("\n")[-1])
