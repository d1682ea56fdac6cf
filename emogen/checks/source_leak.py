"""The text speaks of the caption or the attributes, which nobody who looks at the picture knows of."""

from __future__ import annotations

import re
from typing import Final

from emogen.checks import Answer

__all__ = ["check"]

_LEAK: Final = re.compile(
    r"\b(?:the|this|given|provided|your) (?:caption|captions|attribute|attributes|metadata|annotation|annotations)\b"
    r"|\battributes? (?:list|provided|given|mention\w*|indicate\w*|say\w*|show\w*)"
    r"|\bcaption (?:says|states|mentions|describes|indicates|reads)"
    r"|\bbased on the (?:given|provided) (?:information|description|details|context|data)\b"
    r"|\b(?:emotion|brightness|colou?rfulness) (?:label|attribute|class|score|value)s?\b"
    r"|\b(?:brightness|colou?rfulness)\W{0,3}(?:(?:is|of|at|level|value|score|rating|being|about|=|:)\W{0,3}){0,4}"
    r"(?:[01]?\.\d|[01]\b|\d{1,3} ?(?:%|percent))"
    r"|\b[01]\.\d{1,2} (?:in |for |of )?(?:brightness|colou?rfulness)\b"
    # A jar may be labelled; a picture is so only in a data set.
    r"|\b(?:image|picture|photo|photograph|scene|emotion) (?:is|was|has been|being) "
    r"(?:labell?ed|annotated|tagged) (?:as|with)\b",
    re.IGNORECASE,
)


def check(answer: Answer) -> str | None:
    """The text speaks of the caption, the attributes or their numbers instead of the picture."""
    for turn in answer.turns:
        for part, text in (("question", turn.question), ("answer", turn.answer)):
            found = _LEAK.search(text)
            if found:
                return f"{part} says {found.group()!r}"
    return None
