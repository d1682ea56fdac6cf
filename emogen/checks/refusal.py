"""The model declined, or spoke about itself instead of the picture."""

from __future__ import annotations

import re
from typing import Final

from emogen.checks import Answer
from emogen.errors import shorten

__all__ = ["check"]

_REFUSAL: Final = re.compile(
    r"\b(?:i(?:'|’)?m sorry,? (?:but )?i|i (?:am|'m|’m) (?:unable|not able) to|i (?:can(?:no|')t|can’t|cannot) "
    r"(?:see|view|assist|help|answer|comply|provide|identify|describe|determine)|"
    r"as an? (?:ai|artificial|large|language)\b|i do(?:n't|n’t| not) have (?:access|the ability)|"
    r"no image (?:was|has been|is) (?:provided|attached|given))",
    re.IGNORECASE,
)


def check(answer: Answer) -> str | None:
    """The model refused or spoke about itself."""
    if answer.completion.finish_reason == "content_filter":
        return "the provider's content filter stopped the answer"
    for turn in answer.turns:
        found = _REFUSAL.search(turn.answer) or _REFUSAL.search(turn.question)
        if found:
            return f"{shorten(found.group())!r}"
    return None
