"""Finds EmoSet's values in texts: what an answer claims, and what a caption supports."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from emogen.checks import Text
from emogen.checks.phrases import FACE, VOCABULARIES, Phrase, VocabularyName, phrases, value_name
from emogen.resources import data_file

__all__ = ["Mention", "Vocabulary", "shown_by", "vocabulary"]

_DETERMINERS: Final = frozenset(
    """
    a an the this that these those his her their its my our your one two three four five six several some many few
    another each every both
    """.split()  # noqa: SIM905 - shorter than a list of literals
)
_PLAIN_ADJECTIVES: Final = frozenset(
    """
    red orange yellow green blue purple pink brown black white grey gray golden silver dark bright colourful colorful
    big large small little tall long short old new young wooden metal stone empty open closed
    """.split()  # noqa: SIM905 - the same
)
_FACES: Final = frozenset({"face", "faces", "expression", "expressions", "eyes", "gaze", "features"})


class Mention(NamedTuple):
    """A phrase in a text: from word number `begin` to `end`, exclusive, with the values that it may claim."""

    begin: int
    end: int
    values: frozenset[str]


# A phrase, and its words behind the first, all of which must be in a text before the phrase is looked for.
_Start = tuple[frozenset[str], Phrase]


class Vocabulary:
    """The vocabularies with the words for their values; see `phrases` for the arguments."""

    def __init__(self, values: Mapping[str, Sequence[str]], words: Mapping[str, Any]) -> None:
        self._values = {name: frozenset(map(value_name, values[name])) for name in VOCABULARIES}
        self._values["facial_expression"] = frozenset(FACE + value for value in values["facial_expression"])
        starts: dict[str, list[_Start]] = defaultdict(list)
        for phrase in phrases(values, words):
            starts[phrase.words[0]].append((frozenset(phrase.words[1:]), phrase))
        # The longest first.
        self._starts = {
            word: sorted(found, key=lambda it: -len(it[1].words)) for word, found in starts.items()
        }
        self._firsts = frozenset(starts)

    def values(self, names: Sequence[VocabularyName]) -> frozenset[str]:
        """Return the values of several vocabularies."""
        return frozenset().union(*(self._values[name] for name in names))

    def mentions(self, words: Sequence[str]) -> Iterator[Mention]:
        """Yield what a text may claim, the longest phrase at each place."""
        present = frozenset(words)
        firsts = self._firsts & present
        free = 0
        for begin in [place for place, word in enumerate(words) if word in firsts] if firsts else ():
            if begin < free:
                continue
            for rest, phrase in self._starts[words[begin]]:
                if rest <= present and (phrase.values or phrase.beside) and (end := phrase.end(words, begin)):
                    # What an action is done with is looked at, too.
                    free = begin + 1 if phrase.gap else end
                    if _is_claim(phrase, words, begin, end):
                        yield Mention(begin, end, phrase.values)
                    break

    def shown(self, text: str) -> frozenset[str]:
        """Return the values that a text, a caption say, supports."""
        words = Text(text).words
        present = frozenset(words)
        firsts = self._firsts & present
        found: set[str] = set()
        for begin, word in enumerate(words):
            for rest, phrase in self._starts[word] if word in firsts else ():
                if rest <= present and phrase.end(words, begin):
                    found |= phrase.shows
        return frozenset(found)


@cache
def vocabulary() -> Vocabulary:
    """Return EmoSet's vocabularies with the words for their values, read once."""
    tables = [
        tomllib.loads(data_file(name).read_text(encoding="utf-8"))
        for name in ("emoset_vocabularies.toml", "grounding_words.toml")
    ]
    return Vocabulary(*tables)


@lru_cache(maxsize=256)
def shown_by(evidence: str) -> frozenset[str]:
    """Return what `evidence` supports; each record is asked about more than once."""
    return vocabulary().shown(evidence)


def _is_claim(phrase: Phrase, words: Sequence[str], begin: int, end: int) -> bool:
    if phrase.beside == "never":
        return False
    if phrase.beside == "determiner":
        before = words[begin - 1] if begin else ""
        if before in _PLAIN_ADJECTIVES and begin > 1:
            before = words[begin - 2]
        return before in _DETERMINERS
    if phrase.beside == "face":
        return not _FACES.isdisjoint(words[max(0, begin - 4) : end + 2])
    return True
