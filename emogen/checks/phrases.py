"""The phrases by which a text speaks of EmoSet's values, made from the two tables in `emogen/data`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from emogen.checks import Text

__all__ = ["FACE", "VOCABULARIES", "Phrase", "VocabularyName", "phrases", "value_name"]

VocabularyName = Literal["scene", "object", "facial_expression", "human_action"]
VOCABULARIES: Final[tuple[VocabularyName, ...]] = ("scene", "object", "facial_expression", "human_action")
# What the values of facial_expression begin with here: "happy" is no object.
FACE: Final = "face: "

# Between the verb and the object of an action: "playing an old brown guitar".
_GAP: Final = 3
_IRREGULAR: Final = {
    "calf": "calves",
    "child": "children",
    "goose": "geese",
    "knife": "knives",
    "leaf": "leaves",
    "loaf": "loaves",
    "mouse": "mice",
    "ox": "oxen",
    "scarf": "scarves",
    "shelf": "shelves",
    "wolf": "wolves",
}

_Words = tuple[str, ...]


class Phrase(NamedTuple):
    """Words that speak of values.

    Attributes:
        words: In order; behind the first, others may stand between where `gap` says so.
        gap: Most words between.
        values: The values that it may claim; it is true where one of them is.
        shows: The values that it supports.
        beside: What makes it a claim: `determiner` before it, `face` near it, or nothing more; `never` is none.
    """

    words: _Words
    gap: int
    values: frozenset[str]
    shows: frozenset[str]
    beside: str

    def end(self, words: Sequence[str], begin: int) -> int:
        """Return where the phrase ends whose first word is number `begin`; 0 where it does not stand there."""
        at = begin + 1
        for word in self.words[1:]:
            last = min(len(words), at + self.gap + 1)
            while at < last and words[at] != word:
                at += 1
            if at == last:
                return 0
            at += 1
        return at


def value_name(value: str) -> str:
    """Return a value of EmoSet as the tables name it."""
    return re.sub(r" *\(.*?\)", "", value).replace("_", " ").strip().lower()


def phrases(values: Mapping[str, Sequence[str]], words: Mapping[str, Any]) -> Iterator[Phrase]:
    """Yield each phrase once, with all that it claims and shows.

    Args:
        values: Vocabulary → its values, as EmoSet spells them.
        words: `data/grounding_words.toml`.
    """
    shows = _Shows(words["kinds"], words["shown_by"])
    made = _Making(words["unclaimed"], words["after_determiner"])
    for value in map(value_name, [*values["scene"], *values["object"]]):
        for text in (value, *words["said"].get(value, ())):
            made.add(_forms(text), shows.of(value, text), value)
    for value in map(value_name, values["human_action"]):
        for text in (value, *words["said"].get(value, ())):
            claims, others, gap = _action_forms(text)
            shown = shows.of(value, text)
            made.add(claims, shown, value, gap=gap)
            made.add(others, shown, gap=gap)
    for face, table in words["faces"].items():
        name = FACE + face
        made.add(map(_words, table["adjectives"]), [name], name, beside="face")
        made.add(map(_words, table["verbs"]), [name], name)
        made.add(map(_words, [*table["shown_by"], face]), [name])
    for text in shows.words:
        made.add(_forms(text), shows.of(text))
    yield from made.phrases(excepted=map(_words, words["phrases"]))


class _Making:
    """Phrases in the making: several values may give the same words."""

    def __init__(self, unclaimed: Sequence[str], after_determiner: Sequence[str]) -> None:
        self._unclaimed = {form for text in unclaimed for form in _forms(text)}
        self._after_determiner = {form for text in after_determiner for form in _forms(text)}
        self._values: dict[tuple[_Words, int], set[str]] = defaultdict(set)
        self._shows: dict[tuple[_Words, int], set[str]] = defaultdict(set)
        self._beside: dict[tuple[_Words, int], set[str]] = defaultdict(set)

    def add(
        self,
        forms: Iterator[_Words],
        shown: Collection[str],
        value: str = "",
        *,
        beside: str = "",
        gap: int = 0,
    ) -> None:
        for words in forms:
            key = (words, gap)
            self._shows[key].update(shown)
            if value and words not in self._unclaimed:
                self._values[key].add(value)
                self._beside[key].add("determiner" if words in self._after_determiner else beside)

    def phrases(self, excepted: Iterator[_Words]) -> Iterator[Phrase]:
        nothing: frozenset[str] = frozenset()
        for words in excepted:
            yield Phrase(words, 0, nothing, frozenset(self._shows.pop((words, 0), nothing)), "never")
        for (words, gap), shown in self._shows.items():
            values = self._values.get((words, gap))
            # Where one of several values needs nothing beside it, the words claim it anywhere.
            beside = min(self._beside[words, gap]) if values else ""
            yield Phrase(words, gap, frozenset(values) if values else nothing, frozenset(shown), beside)


class _Shows:
    """What follows from what: kinds all the way up, with one step of what is seldom absent between."""

    def __init__(self, kinds: Mapping[str, Sequence[str]], shown_by: Mapping[str, Sequence[str]]) -> None:
        self._kinds = _inverted(kinds)
        self._shown = _inverted(shown_by)
        self.words = {*self._kinds, *self._shown}

    def of(self, *texts: str) -> set[str]:
        """Return the values that these words show, themselves included."""
        known = self._with_kinds(set(texts))
        for text in known & self._shown.keys():
            known = known | self._shown[text]
        return self._with_kinds(known)

    def _with_kinds(self, known: set[str]) -> set[str]:
        known, waiting = set(known), list(known)
        while waiting:
            above = self._kinds.get(waiting.pop(), set()) - known
            known |= above
            waiting += above
        return known


def _inverted(table: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    inverted: dict[str, set[str]] = defaultdict(set)
    for value, texts in table.items():
        for text in texts:
            inverted[text].add(value)
    return dict(inverted)


def _words(text: str) -> _Words:
    return tuple(Text(text).words)


def _forms(text: str) -> Iterator[_Words]:
    """Yield a noun phrase in the singular and in its plurals; forms that do not exist do no harm."""
    *before, last = _words(text)
    yield (*before, last)
    yield (*before, last + "s")
    if last in _IRREGULAR:
        yield (*before, _IRREGULAR[last])
    if last.endswith(("s", "x", "z", "ch", "sh", "o")):
        yield (*before, last + "es")
    if last.endswith("y"):
        yield (*before, last[:-1] + "ies")
    if last.endswith("man"):
        yield (*before, last[:-2] + "en")


def _action_forms(text: str) -> tuple[Iterator[_Words], Iterator[_Words], int]:
    """Return an action's phrases that claim it, others that only show it, and the words that may stand between.

    "plays a guitar" claims "playing guitar", but a verb alone counts only as "singing": "drinks" may be a thing.
    """
    verb, *rest = (word for word in _words(text) if word not in ("a", "an", "the", "or"))
    if not verb.endswith("ing") or len(verb) < 5:
        return iter([(verb, *rest)]), iter(()), 0
    stem = verb.removesuffix("ing")
    others = {stem + ending for ending in ("", "s", "e", "es", "ed")}
    if stem[-1] == stem[-2]:
        others |= {stem[:-1], stem[:-1] + "s"}
    if not rest:
        return iter([(verb,)]), ((form,) for form in others), 0
    ends = list(_forms(" ".join(rest)))
    return ((form, *end) for form in (verb, *others) for end in ends), iter(()), _GAP
