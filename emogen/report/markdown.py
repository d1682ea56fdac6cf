"""Puts foreign text into Markdown so that it is read, and never acted on."""

from __future__ import annotations

import re
from typing import Final

from markupsafe import Markup

__all__ = ["fenced", "inert"]

# A colon only where an address would become a link.
_MARKS: Final = re.compile(r"([\\`*_{}\[\]()#!|~$@]|:(?=//))")
_TAGS: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_STEERING: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_BACKTICKS: Final = re.compile(r"`+")


def inert(value: object) -> Markup:
    """Return a value as words of one line: no tag, link, heading, table cell or formula begins in it."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, int | float):
        return Markup(value)
    line = " ".join(_STEERING.sub(" ", str(value)).split())
    marked = _MARKS.sub(r"\\\1", line)
    return Markup("".join(_TAGS.get(letter, letter) for letter in marked))


def fenced(text: str, language: str = "") -> Markup:
    """Return a text as a code block whose fence is longer than any in it."""
    longest = max((len(found) for found in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}{language}\n{text}\n{fence}")
