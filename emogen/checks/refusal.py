"""The model declined, or spoke about itself instead of the picture."""

from __future__ import annotations

import re
from typing import Final

from emogen.checks import Answer
from emogen.errors import shorten

__all__ = ["check"]

_UNABLE: Final = r"i(?: can(?:no|['’])t|(?:['’]m| am| was) (?:unable|not able) to)"
# "I cannot see any vehicle" is a definite answer, "I cannot see the image" is none.
_REFUSAL: Final = re.compile(
    r"\b(?:i(?:['’]?m| am) (?:sorry|afraid),? (?:but )?(?:that )?i(?:['’]m| am| can| do|['’]ll)"
    rf"|{_UNABLE} (?:assist|help(?! (?:but|it))|answer|comply|provide|determine|generate|fulfil)"
    rf"|{_UNABLE} identify(?! (?:any|other|another|more))"
    rf"|{_UNABLE} (?:see|view|access|open|analy[sz]e|describe) (?:the|this|your|an|any) "
    r"(?:image|picture|photo|photograph|attachment)s?\b(?! (?:frame|of))"
    r"|as an? (?:ai|artificial intelligence|(?:large )?language model)\b"
    r"|as an? (?:visual|virtual|text-based) (?:ai|assistant|(?:language )?model)\b"
    r"|i do(?:n['’]t| not) have (?:access|the ability)"
    r"|no image (?:was|has been|is) (?:provided|attached|given))",
    re.IGNORECASE,
)
# One of these is in whatever the pattern finds. Looking for them first costs a tenth of the pattern.
_HINTS: Final = (
    "sorry",
    "afraid",
    "unable",
    "not able",
    "cannot",
    "can't",
    "can’t",
    " ai",
    " model",
    "assistant",
    "artificial",
    "have access",
    "the ability",
    "no image",
)


def check(answer: Answer) -> str | None:
    """The model refused or spoke about itself."""
    if answer.completion.finish_reason == "content_filter":
        return "the provider's content filter stopped the answer"
    for turn in answer.turns:
        for text in (turn.answer, turn.question):
            lower = text.lower()
            found = _REFUSAL.search(text) if any(hint in lower for hint in _HINTS) else None
            if found:
                return f"{shorten(found.group())!r}"
    return None
