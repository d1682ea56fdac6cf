"""The text speaks of the caption or the attributes, which nobody who looks at the picture knows of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from emogen.checks import Answer, Fault
from emogen.checks.settings import SourceLeak

__all__ = ["check"]

_LEAK: Final = (
    r"\b(?:the|this|given|provided|your) (?:caption|captions|attribute|attributes|metadata|annotation|annotations)\b"
    r"|\battributes? (?:list|provided|given|mention\w*|indicate\w*|say\w*|show\w*)"
    r"|\bcaption (?:says|states|mentions|describes|indicates|reads)"
    r"|\bbased on the (?:given|provided) (?:information|description|details|context|data)\b"
    r"|\b(?:emotion|brightness|colou?rfulness) (?:labels?|attributes?|class(?:es)?|scores?|values?)\b"
    r"|\b(?:brightness|colou?rfulness)(?![^\W\d_])\W{0,3}"
    r"(?:(?:is|of|at|level|value|score|rating|being|about|=|:)\W{0,3}){0,4}"
    r"(?:[01]?\.\d|[01]\b|\d{1,3} ?(?:%|percent))"
    r"|\b[01]\.\d{1,2} (?:in |for |of )?(?:brightness|colou?rfulness)\b"
    # A jar may be labelled; a picture is so only in a data set.
    r"|\b(?:image|picture|photo|photograph|scene|emotion) (?:is|was|has been|being) "
    r"(?:labell?ed|annotated|tagged) (?:as|with)\b"
    # Pictures are looked at, texts are read.
    r"|\b(?:is|are|was|were) not (?:described|mentioned|specified|stated)\b"
    r"|\bthe (?:\w+ )?(?:mention|description)s? of\b"
    r"|\bthe reader\b"
)
# One of these words is in whatever the pattern finds.
_WORDS: Final = frozenset(
    """
    caption captions attribute attributes metadata annotation annotations based label labels class classes score
    scores value values brightness colorfulness colourfulness labelled labeled annotated tagged described mentioned
    specified stated mention mentions description descriptions reader
    """.split()  # noqa: SIM905 - shorter than a list of literals
)


def check(answer: Answer, settings: SourceLeak) -> Iterator[Fault]:
    """The text speaks of the caption, the attributes or their numbers instead of the picture."""
    if _WORDS.isdisjoint(answer.words):
        return
    for turn in answer.said:
        for part, lower in (("question", turn.question.lower), ("answer", turn.answer.lower)):
            found = re.search(_LEAK, lower)
            if found:
                yield Fault(f"{part} says {found.group()!r}", turn)
