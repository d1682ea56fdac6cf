"""Three ways to read one answer: by the paper's form, by its words, and by the ranking of all candidates.

Peers' tools take the first candidate where they find none, find `awe` in `awesome`, and take the first option of a
repeated list for the answer. Here what cannot be read is `unknown`, a class of its own that is never right.

A lenient reading, step by step: the question and lists of options that the answer repeats are dropped, then idioms,
then what is denied. What follows "emotion:" or "the answer is" decides; else a short first sentence; else the labels
by their names, whole words, longest first; else their other words (variants.py); else the letter of an option. Two
different labels that nothing decides between are `unknown`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from emovit_train.evaluation.variants import IDIOMS, variants_of

__all__ = ["UNKNOWN", "best", "read_lenient", "read_strict"]

UNKNOWN: Final = "unknown"

# "Predict emotion: fear." is the form of the paper's data and of its second instruction, "Predicted emotion:" of its
# first; its affective reasoning goes on with "Reason: ..." (section 4.4).
_STRICT: Final = re.compile(
    r"\s*predict(?:ed)? emotion:\s*(.+?)\s*\.?\s*(?:reason:.*)?", re.IGNORECASE | re.DOTALL
)
_DENIALS: Final = (
    r"not|no|never|neither|nor|none|without|cannot|\w+n't|isnt|doesnt|rather than|instead of|as opposed to|unlike|"
    r"far from|free of|devoid of|lacks?|lack of|less"
)
# A denial reaches to the end of the sentence, or to a word that turns it.
_TURNS: Final = (
    r"[.;:!?\n]|"
    r"\b(?:but|however|although|though|yet|whereas|while|because|since|it is|it's|this is|i think)\b"
)
_DENIED: Final = re.compile(rf"(?<![\w'])(?:{_DENIALS})(?![\w'])(?:(?!{_TURNS}).)*", re.DOTALL)
_THEN_DENIED: Final = r"\s+(?:is|are|was|were|does|do|did|would|could|can|should)\s*(?:n't|not\b)"
_MARKER: Final = re.compile(
    r"(?:\b(?:emotion|feeling|answer|choice|option|label|prediction)s?\s*(?:is|:|=|would be)"
    r"|\bi (?:would )?(?:choose|pick|select))\s*[:=]?\s*(?:an?\s|the\s|option\s)?[\s\"'(\[*]*"
)
_BETWEEN: Final = r"[\s,;/|&]*(?:\b(?:and|or)\b)?[\s,;/|&\-•*]*(?:\(?(?:[a-z]|\d{1,2})[).:])?\s*"
_SHORT_SENTENCE: Final = 4
_LETTER: Final = (
    re.compile(r"\s*\(?([a-z])[).:]?\s*"),
    re.compile(r"\s*\(([a-z])\).*", re.DOTALL),
    re.compile(r"\s*([a-z])[).:]\s.*", re.DOTALL),
    re.compile(r".*\b(?:answer|option|choice)(?:\s+is)?\s*:?\s*\(?([a-z])(?=[).:]|\s*$).*", re.DOTALL),
)


def read_strict(answer: str, labels: Sequence[str]) -> str:
    """Return the label of an answer in the paper's form ("Predict emotion: fear."), else UNKNOWN.

    Only capitals, the final full stop, and a following "Reason: ..." may differ.
    """
    found = _STRICT.fullmatch(answer)
    return (
        {label.casefold(): label for label in labels}.get(found[1].casefold(), UNKNOWN) if found else UNKNOWN
    )


def read_lenient(answer: str, labels: Sequence[str], question: str = "") -> str:
    """Return the label that an answer means, else UNKNOWN; see the module for the rules.

    Args:
        answer: What the model said.
        labels: The options, in the order in which the question lists them.
        question: What was asked, where the answer may repeat it.
    """
    options = tuple(labels)
    text = _plain(answer)
    asked = _plain(question).strip()
    if asked:
        text = text.replace(asked, "\n")
    text = _without_lists(text, options)
    letter = _letter(text, options)
    text = _affirmed(text, options)
    words = _by_marker(text, options) or _by_first_sentence(text, options) or _by_words(text, options)
    if words and letter and words != letter:
        return UNKNOWN
    return words or letter or UNKNOWN


def best(scores: Mapping[str, float]) -> str:
    """Return the label with the highest score; of equal ones the first."""
    return max(scores, key=scores.__getitem__)


def _plain(text: str) -> str:
    """Return text in lower case, with plain quotes and without marks of Markdown."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("‘", "'")
    return re.sub(r"[*_`#]+", " ", text)


@cache
def _names(labels: tuple[str, ...]) -> dict[str, str]:
    # Where labels differ by capitals alone, the first one is meant.
    return {_plain(label): label for label in reversed(labels)}


@cache
def _known(labels: tuple[str, ...]) -> dict[str, str]:
    return {**variants_of(labels), **_names(labels)}


@cache
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"(?<![\w'-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w'-])")


def _without_lists(text: str, labels: tuple[str, ...]) -> str:
    """Drop lists: runs of three labels or more (of two that are all) with nothing but commas and the like between."""
    word = _pattern(tuple(_names(labels))).pattern
    runs = re.compile(rf"(?:\(?(?:[a-z]|\d{{1,2}})[).:]\s*)?{word}(?:{_BETWEEN}{word})+")

    def dropped(run: re.Match[str]) -> str:
        named = set(_pattern(tuple(_names(labels))).findall(run[0]))
        return "\n" if len(named) >= min(3, len(labels)) else run[0]

    return runs.sub(dropped, text)


def _affirmed(text: str, labels: tuple[str, ...]) -> str:
    """Drop idioms and what is denied."""
    text = _pattern(IDIOMS).sub(" ", text)
    label = _pattern(tuple(_known(labels))).pattern
    text = re.sub(label + _THEN_DENIED, " not ", text)
    return _DENIED.sub(" ", text)


def _by_marker(text: str, labels: tuple[str, ...]) -> str | None:
    """Return the label right after the last "emotion:", "the answer is" and the like that a label follows."""
    known = _known(labels)
    pattern = _pattern(tuple(known))
    found = None
    for marker in _MARKER.finditer(text):
        following = pattern.match(text, marker.end())
        if following:
            after = pattern.match(text, re.compile(_BETWEEN).match(text, following.end()).end())  # type: ignore[union-attr]
            # "emotion: fear, sadness" names two.
            found = None if after and known[after[0]] != known[following[0]] else known[following[0]]
    return found


def _by_first_sentence(text: str, labels: tuple[str, ...]) -> str | None:
    """Return the one label of the first sentence, where that is hardly more than the label."""
    first = re.split(r"[.!?\n]", text.strip(), maxsplit=1)[0]
    return _by_words(first, labels) if len(first.split()) <= _SHORT_SENTENCE else None


def _by_words(text: str, labels: tuple[str, ...]) -> str | None:
    """Return the one label that is named; where none is by its name, the one that is by other words."""
    for table in (_names(labels), variants_of(labels)):
        if table:
            named = {table[word] for word in _pattern(tuple(table)).findall(text)}
            if named:
                return named.pop() if len(named) == 1 else None
    return None


def _letter(text: str, labels: tuple[str, ...]) -> str | None:
    for form in _LETTER:
        found = form.fullmatch(text)
        if found:
            place = ord(found[1]) - ord("a")
            return labels[place] if place < len(labels) else None
    return None
