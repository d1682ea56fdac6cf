"""Finds EmoSet's values in texts: what an answer claims, and what a caption supports."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from emogen.checks import words_of
from emogen.checks.phrases import FACE, VOCABULARIES, Phrase, PhraseBook, VocabularyName, value_name
from emogen.resources import data_file

__all__ = ["Mention", "Vocabulary", "mentions", "shown_by", "vocabulary"]

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


class _Start(NamedTuple):
    """The phrases that begin with a word.

    Attributes:
        alone: Those of no other word.
        longer: The others, the longest first, each with its words behind the first: all of these must be in a text
            before the phrase is looked for.
        words: All words of the longer ones behind the first.
    """

    alone: tuple[Phrase, ...]
    longer: tuple[tuple[frozenset[str], Phrase], ...]
    words: frozenset[str]

    @classmethod
    def of(cls, phrases: Iterable[Phrase]) -> _Start:
        alone, longer = [], []
        for phrase in phrases:
            if phrase.words[1:]:
                longer.append((frozenset(phrase.words[1:]), phrase))
            else:
                alone.append(phrase)
        longer.sort(key=lambda start: -len(start[1].words))
        return cls(tuple(alone), tuple(longer), frozenset().union(*(rest for rest, _ in longer)))

    def made_of(self, words: Set[str]) -> Sequence[Phrase]:
        """Return the phrases that are made of these words alone, the longest first."""
        if self.words.isdisjoint(words):
            return self.alone
        longer = [phrase for rest, phrase in self.longer if rest <= words]
        return [*longer, *self.alone] if longer else self.alone


# First word → phrases, the longest first.
Phrases = Mapping[str, Sequence[Phrase]]


class Vocabulary:
    """The vocabularies with the words for their values; see `phrases` for the arguments."""

    def __init__(self, values: Mapping[str, Sequence[str]], words: Mapping[str, Any]) -> None:
        self._values = {name: frozenset(map(value_name, values[name])) for name in VOCABULARIES}
        self._values["facial_expression"] = frozenset(FACE + value for value in values["facial_expression"])
        self._book = PhraseBook(values, words)
        self._claims: dict[str, _Start] = {}
        self._shows: dict[str, _Start] = {}

    def values(self, names: Sequence[VocabularyName]) -> frozenset[str]:
        """Return the values of several vocabularies."""
        return frozenset().union(*(self._values[name] for name in names))

    def claims(self, words: Set[str]) -> Phrases:
        """Return the phrases that may claim something and are made of these words alone."""
        return self._made_of(words, self._claims)

    def shown(self, text: str) -> frozenset[str]:
        """Return the values that a text, a caption say, supports."""
        words = words_of(text.lower())
        found: set[str] = set()
        for started in self._made_of(frozenset(words), self._shows).values():
            for phrase in started:
                if len(phrase.words) == 1 or _stands_in(words, phrase):
                    found |= phrase.shows
        return frozenset(found)

    def _made_of(self, words: Set[str], starts: dict[str, _Start]) -> Phrases:
        made: dict[str, Sequence[Phrase]] = {}
        for first in self._book.firsts & words:
            if first not in starts:
                self._look_up(first)
            if found := starts[first].made_of(words):
                made[first] = found
        return made

    def _look_up(self, first: str) -> None:
        """Take the phrases of a first word from the book."""
        phrases = list(self._book.of(first))
        self._claims[first] = _Start.of(phrase for phrase in phrases if phrase.values or phrase.beside)
        self._shows[first] = _Start.of(phrase for phrase in phrases if phrase.shows)


def _stands_in(words: Sequence[str], phrase: Phrase) -> bool:
    return any(word == phrase.words[0] and phrase.end(words, begin) for begin, word in enumerate(words))


def mentions(words: Sequence[str], claims: Phrases) -> Iterator[Mention]:
    """Yield what a text may claim, the longest phrase at each place.

    Args:
        words: The text's.
        claims: `Vocabulary.claims` of these words, and perhaps of more.
    """
    free = 0
    for begin in [place for place, word in enumerate(words) if word in claims] if claims else ():
        if begin < free:
            continue
        following = words[begin + 1] if begin + 1 < len(words) else ""
        for phrase in claims[words[begin]]:
            end = begin + 1
            if len(phrase.words) > 1:
                # Mostly the very next word says that it is another phrase.
                is_other = not phrase.gap and phrase.words[1] != following
                end = 0 if is_other else phrase.end(words, begin)
            if end:
                # What an action is done with is looked at, too.
                free = begin + 1 if phrase.gap else end
                if not phrase.beside or _is_claim(phrase, words, begin, end):
                    yield Mention(begin, end, phrase.values)
                break


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
