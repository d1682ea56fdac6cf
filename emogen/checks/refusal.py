"""The model declined, or spoke about itself instead of the picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from emogen.checks import Answer, Fault
from emogen.checks.settings import Refusal
from emogen.errors import shorten

__all__ = ["check", "refusal_in"]

_UNABLE: Final = r"i(?: can(?:no|['’])t|(?:['’]m| am| was) (?:unable|not able) to)"
# "I cannot see any vehicle" is a definite answer, "I cannot see the image" is none.
_REFUSAL: Final = (
    r"\b(?:i(?:['’]?m| am) (?:sorry|afraid),? (?:but )?(?:that )?i(?:['’]m| am| can| do|['’]ll)"
    rf"|{_UNABLE} (?:assist|help(?! (?:but|it))|answer|comply|provide|determine|generate|fulfil)"
    rf"|{_UNABLE} identify(?! (?:any|other|another|more))"
    rf"|{_UNABLE} (?:see|view|access|open|analy[sz]e|describe) (?:the|this|your|an|any) "
    r"(?:image|picture|photo|photograph|attachment)s?\b(?! (?:frame|of))"
    r"|as an? (?:ai|artificial intelligence|(?:large )?language model)\b"
    r"|as an? (?:visual|virtual|text-based) (?:ai|assistant|(?:language )?model)\b"
    r"|i do(?:n['’]t| not) have (?:access|the ability)\b"
    r"|no image (?:was|has been|is) (?:provided|attached|given)\b)"
)
# One of these words is in whatever the pattern finds; "can't" is two.
_WORDS: Final = frozenset(
    """
    sorry afraid cannot t unable able ai artificial model assistant access ability provided attached given
    """.split()  # noqa: SIM905 - shorter than a list of literals
)


def check(answer: Answer, settings: Refusal) -> Iterator[Fault]:
    """The model refused or spoke about itself."""
    if answer.completion.finish_reason == "content_filter":
        yield Fault("the provider's content filter stopped the answer")
        return
    if _WORDS.isdisjoint(answer.words):
        return
    for turn in answer.said:
        for lower in (turn.answer.lower, turn.question.lower):
            found = refusal_in(lower)
            if found:
                yield Fault(repr(shorten(found)), turn)


def refusal_in(lower: str) -> str | None:
    """Return the words of a text, given in lower case, by which a model declines."""
    found = re.search(_REFUSAL, lower)
    return found.group() if found else None
