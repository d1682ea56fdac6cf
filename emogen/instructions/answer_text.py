"""Reads the paper's plain "Question: / Answer:" text, with everything that language models do to it.

Tolerated: numbering and bullets, markdown emphasis, headings and code fences, "Complex question:",
"Question (basic):", "Q1." and "A1)", several paragraphs, several labels on one line, missing colons, full-width
colons, dashes instead of colons, quotes of all kinds around a question or an answer.

The time is linear in the length: marks are stripped by `str` methods, and every repetition in a pattern has a bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Pair", "read_pairs"]

_MARKS = " \t\xa0\ufeff\u200b>#*_`-–—•·"
# The patterns are texts, which are compiled when they are first needed: most answers are JSON.
_NUMBERING = r"\(?\d{1,2}[.):](?=[\s*_`]|[A-Z])"
# Only the beginning of a line can be a label.
_LABEL_CHARS = 120

_ADVANCED = r"advanced|complex|deeper|reasoning"
_KIND = (
    rf"(?:conversation[\s:–—-]{{1,6}})?(?P<kind>basic|simple|{_ADVANCED}|first|second|third|next|follow[\s-]?up"
    r"|user|human|assistant|detailed|final)"
    r"(?:[\s-]{1,3}(?:interaction|conversation|dialogue|exchange|turn|pair)s?)?"
)
_NUMBER = r"[#(\[]?\d{1,2}[.)\]]?"
_SUFFIX = rf"(?:\s{{0,3}}(?:{_NUMBER}|[(\[](?P<note>[^()\[\]]{{1,30}})[)\]]|(?:one|two|three)\b)){{0,2}}"
_COLON = r"(?P<closing>[*_`]{0,3})\s{0,3}[:：]"
_DASH = r"[*_`]{0,3}\s{0,3}[–—-]\s"
# Without a colon, a label is believed only before a capital or a quote: "Answer the door" is a sentence.
_BARE = r"[*_`]{0,3}\s{1,3}(?=(?-i:[A-Z])|[\"'“‘«„])"

_LABEL = (
    rf"(?i)(?:(?:{_KIND}[\s\d:–—-]{{1,6}})?(?P<word>questions?|answers?|responses?)(?:\s(?:interaction|pair))?{_SUFFIX}"
    rf"|(?P<letter>[QA])(?:\s?{_NUMBER}|\s?[(\[](?P<aside>[^()\[\]]{{1,30}})[)\]])?)"
    rf"(?:(?P<colon>{_COLON})|(?P<alone>[\s*_`]{{0,6}}$)|{_DASH}|{_BARE})"
)
# "Q1 What", "A1) The", "Q. What": a letter without a colon needs a number or a stop that touches it.
_LETTER = r"(?P<letter>[QA])(?:\d{1,2}(?:[.)]\s|\s{0,2}[–—-]\s|\s)|[.)]\s)"
_HEADING = (
    rf"(?i)(?:{_KIND}|categorical|conversation|conversational)"
    r"(?:\s{1,3}(?:interaction|conversation|dialogue|exchange|reasoning|pair|turn|part|q\s?&\s?a"
    r"|question[\s-]and[\s-]answer)s?){0,2}"
    rf"(?:\s{{0,3}}{_NUMBER})?"
)
_INLINE_ANSWER = (
    r"\s[*_`]{0,3}(?:Answer|ANSWER|Response)(?:\s?\d{1,2})?[*_`]{0,3}\s?[:：]"
    r"|(?<=[.?!\"'”’)*])\s[*_`]{0,3}A\d{0,2}[:：]"
)
_INLINE_QUESTION = (
    r"(?<=[.?!\"'”’)*])\s[*_`]{0,3}(?:(?:Complex|Advanced|Basic)\s)?(?:Question|QUESTION|Q)(?:\s?\d{1,2})?"
    r"[*_`]{0,3}\s?[:：]"
)
_BOLD = r"\*\*([^*\n]+)\*\*|(?<!\w)__([^_\n]+)__(?!\w)"
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "„": "“”", "`": "`", "「": "」"}


@dataclass(frozen=True)
class Pair:
    """A question and its answer as read; `advanced` where the model's answer itself says so."""

    question: str
    answer: str
    advanced: bool


@dataclass
class _Open:
    advanced: bool
    question: list[str]
    answer: list[str] | None = None


@dataclass(frozen=True)
class _Label:
    is_question: bool
    advanced: bool
    sure: bool  # has a colon, or stands alone on its line
    rest: str


def read_pairs(text: str) -> list[Pair]:
    """Return the question-answer pairs of `text`, in order; an unanswered question is left out."""
    pairs: list[_Open] = []
    part: list[str] = []  # what an unlabelled line belongs to; what comes before the first label is dropped
    advanced_next = False
    for line in _lines(text):
        label = _label(line)
        if label is None:
            heading = _heading(line)
            if heading is None:
                part.append(line)
            else:
                advanced_next, part = bool(re.fullmatch(_ADVANCED, heading)), []
        elif label.is_question:
            open_pair = pairs[-1] if pairs else None
            if open_pair and open_pair.answer is None and not "".join(open_pair.question).strip():
                # "Complex question:" alone on its line, and the question itself below, labelled once more.
                open_pair.advanced |= label.advanced
                open_pair.question.append(label.rest)
            else:
                open_pair = _Open(label.advanced or advanced_next, [label.rest])
                pairs.append(open_pair)
            part, advanced_next = open_pair.question, False
        elif pairs and pairs[-1].answer is None:
            part = pairs[-1].answer = [label.rest]
        else:
            # A second answer: "Answer:" twice, or a paragraph that happens to begin like a label.
            part.append(label.rest if label.sure else line)
    return [pair for pair in map(_close, pairs) if pair is not None]


def _lines(text: str) -> Iterator[str]:
    """Yield the lines without rules and fences; labels behind one another get lines of their own."""
    for line in re.sub(r"\r\n|[\r\u2028\u2029]", "\n", text).split("\n"):
        bare = line.strip()
        is_rule = len(bare) >= 3 and not bare.strip("-*_= \t")
        if not is_rule and not re.fullmatch(r"```\w{0,20}", bare):
            yield from _apart(line)


def _apart(line: str) -> Iterator[str]:
    while label := _label(line):
        inline = _INLINE_ANSWER if label.is_question else _INLINE_QUESTION
        found = re.compile(inline).search(line, len(line) - len(label.rest))
        if not found:
            break
        yield line[: found.start()]
        line = line[found.start() :]
    yield line


def _undecorated(line: str) -> str:
    bare = line.lstrip(_MARKS)
    numbering = re.match(_NUMBERING, bare)
    return bare[numbering.end() :].lstrip(_MARKS) if numbering else bare


def _label(line: str) -> _Label | None:
    bare = _undecorated(line)
    head = bare[:_LABEL_CHARS]
    found = re.match(_LABEL, head)
    if found and found["letter"] and not found["colon"]:
        found = None
    if found is None:
        lettered = re.match(_LETTER, head)
        return _Label(lettered["letter"] == "Q", False, False, bare[lettered.end() :]) if lettered else None
    rest = bare[found.end() :]
    if found["colon"] and not found["closing"]:
        rest = _without_closing(rest, line[: len(line) - len(bare)])
    said = " ".join(filter(None, (found["kind"], found["note"], found["aside"])))
    return _Label(
        is_question=(found["word"] or found["letter"]).lower().startswith("q"),
        advanced=bool(re.search(_ADVANCED, said, re.IGNORECASE)),
        sure=found["colon"] is not None or found["alone"] is not None,
        rest=rest,
    )


def _without_closing(rest: str, decoration: str) -> str:
    """Drop the other end of an emphasis that opened before the label: "**Question:** ..." or "**Question: ...**"."""
    mark = decoration[len(decoration.rstrip("*_`")) :]
    if not mark:
        return rest
    bare = rest.strip()
    return bare.removeprefix(mark) if bare.startswith(mark) else bare.removesuffix(mark)


def _heading(line: str) -> str | None:
    """Return the kind that a heading such as "### Advanced Interaction" announces ("" for none of ours)."""
    bare = _undecorated(line).rstrip(" \t*_`:：")
    found = re.fullmatch(_HEADING, bare) if len(bare) <= _LABEL_CHARS else None
    return (found["kind"] or "").lower() if found else None


def _close(pair: _Open) -> Pair | None:
    question, answer = _clean(pair.question), _clean(pair.answer or [])
    return Pair(question, answer, pair.advanced) if question and answer else None


def _clean(lines: list[str]) -> str:
    text = "\n".join(line.rstrip() for line in lines)
    text = re.sub(_BOLD, lambda found: found[1] or found[2], text)
    text = re.sub(r"\n{3,}", "\n\n", text).strip().removeprefix("**").removesuffix("**").strip()
    if len(text) > 2 and text[0] == text[-1] == "*" and "*" not in text[1:-1]:
        text = text[1:-1].strip()
    return _unquoted(text)


def _unquoted(text: str) -> str:
    if len(text) < 3 or text[-1] not in _QUOTES.get(text[0], ""):
        return text
    inner = text[1:-1]
    # An apostrophe is no quote; a quote that closes earlier belongs to a part of the text.
    closes_earlier = re.search(r"['’](?!\w)", inner) if text[-1] in "'’" else text[-1] in inner
    return text if closes_earlier else inner.strip()
