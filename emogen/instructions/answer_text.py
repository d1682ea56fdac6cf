"""Reads the paper's plain "Question: / Answer:" text, with everything that language models do to it.

Tolerated: numbering and bullets, markdown emphasis and headings, "Complex question:", "Q1." and "A1)", several
paragraphs, both labels on one line, missing colons, full-width colons, dashes instead of colons, quotes of all
kinds around a question or an answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["TextPair", "read_pairs"]

_DECORATION = r"[\s>#*_`\-–—•·]*(?:\(?\d{1,2}[.):]\s*)?[\s*_`]*"
_QUALIFIER = r"(?:(?P<qualifier>[A-Za-z]{4,12}(?:[\s\-][A-Za-z]{2,12})?)\s+)?"
_NUMBER = r"(?:\s*[#(]?\d{1,2}[).]?)?"
_COLON = r"[\s*_`]*[:：][\s*_`]*"
# "Question 1 - What ...": a dash counts only between spaces or after a number.
_DASH = r"\s*[–—-]\s+"
# A missing colon is believed only before a capital or a quote: "Answer the door" is a sentence.
_BARE = r"[\s*_`]+(?=(?-i:[A-Z])|[\"'“‘«„])"

_LABEL = re.compile(
    rf"^{_DECORATION}(?:"
    rf"{_QUALIFIER}(?P<word>questions?|answers?|responses?)(?:\s+(?P<of>interaction|pair))?{_NUMBER}"
    rf"(?:{_COLON}|{_DASH}|[\s*_`]*$|{_BARE})"
    rf"|(?P<letter>[QA]){_NUMBER}(?:{_COLON}|(?<=[\d)]){_DASH}|(?<=\d)\s+|(?<=[.)])\s+)"
    rf")(?P<rest>.*)$",
    re.IGNORECASE,
)
_INLINE_ANSWER = re.compile(r"[\s*_`]+(?:Answer|Response)(?:\s*\d{1,2})?[\s*_`]*[:：][\s*_`]*", re.IGNORECASE)
_HEADING = re.compile(
    rf"^{_DECORATION}(?P<kind>basic|simple|advanced|complex)\b[\w\s]{{0,24}}[:：]?[\s*_`]*$", re.IGNORECASE
)
_RULE = re.compile(r"^\s*(?:[-*_=]\s*){3,}$")
_ADVANCED = {"complex", "advanced", "reasoning", "deeper"}
_QUALIFIERS = _ADVANCED | {
    "basic",
    "simple",
    "first",
    "second",
    "third",
    "follow-up",
    "follow up",
    "user",
    "human",
    "assistant",
    "detailed",
    "final",
}
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "„": "“", "`": "`", "「": "」"}


@dataclass(frozen=True)
class TextPair:
    """A question and its answer as read from text; `advanced` where the text itself says so."""

    question: str
    answer: str
    advanced: bool


@dataclass
class _Open:
    advanced: bool
    question: list[str]
    answer: list[str] | None = None


def read_pairs(text: str) -> list[TextPair]:
    """Return the question-answer pairs of `text`, in order; an unanswered question is left out."""
    pairs: list[_Open] = []
    advanced_next = False
    for line in _split_inline_answers(text).splitlines():
        heading = _HEADING.match(line)
        label = None if heading else _label(line)
        if heading:
            advanced_next = heading["kind"].lower() in _ADVANCED
        elif _RULE.match(line):
            continue
        elif label is None:
            _append(pairs, line)
        elif label.is_question:
            advanced = advanced_next or label.qualifier in _ADVANCED
            if _continues(pairs, label):
                # "Complex question:" alone on its line, and the question itself below, labelled once more.
                pairs[-1].question.append(label.rest)
                pairs[-1].advanced |= advanced
            else:
                pairs.append(_Open(advanced, [label.rest]))
            advanced_next = False
        elif pairs and pairs[-1].answer is None:
            pairs[-1].answer = [label.rest]
        else:
            _append(pairs, label.rest)
    return [pair for pair in map(_close, pairs) if pair is not None]


@dataclass(frozen=True)
class _Label:
    is_question: bool
    qualifier: str
    rest: str


def _label(line: str) -> _Label | None:
    found = _LABEL.match(line)
    if not found:
        return None
    qualifier = (found["qualifier"] or "").lower()
    if qualifier and qualifier not in _QUALIFIERS:
        return None
    word = (found["word"] or found["letter"]).lower()
    return _Label(word.startswith("q"), qualifier, found["rest"])


def _split_inline_answers(text: str) -> str:
    """Put an "Answer:" that stands behind its question on the same line onto a line of its own."""
    lines = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if _label(line) is not None and _label(line).is_question:  # type: ignore[union-attr]
            line = _INLINE_ANSWER.sub("\nAnswer: ", line, count=1)
        lines.append(line)
    return "\n".join(lines)


def _continues(pairs: list[_Open], label: _Label) -> bool:
    return bool(pairs) and pairs[-1].answer is None and not "".join(pairs[-1].question).strip()


def _append(pairs: list[_Open], line: str) -> None:
    if pairs:
        open_part = pairs[-1].answer if pairs[-1].answer is not None else pairs[-1].question
        open_part.append(line)


def _close(pair: _Open) -> TextPair | None:
    question, answer = _clean(pair.question), _clean(pair.answer or [])
    return TextPair(question, answer, pair.advanced) if question and answer else None


def _clean(lines: list[str]) -> str:
    text = "\n".join(line.rstrip() for line in lines)
    text = re.sub(r"(\*\*|__)(.+?)\1", r"\2", text, flags=re.DOTALL)
    text = re.sub(r"\n{3,}", "\n\n", text).strip().strip("*").strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[-1] not in text[1:-1]:
        text = text[1:-1].strip()
    return text
