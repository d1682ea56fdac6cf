"""The phrases by which a text speaks of EmoSet's values, made from the two tables in `emogen/data`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Final, Literal, NamedTuple

from emogen.checks import words_of

__all__ = ["FACE", "VOCABULARIES", "Phrase", "PhraseBook", "VocabularyName", "value_name"]

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
        if not self.gap:
            at = begin + len(self.words)
            return at if tuple(words[begin:at]) == self.words else 0
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


class _Entry(NamedTuple):
    """A text of the tables.

    Attributes:
        text: As the tables have it.
        form: How it may stand in an answer: inflected as a noun or as an action, or just so.
        stands_for: The value, or the text itself.
        is_claim: Whether it claims that value, beside showing it.
        beside: See `Phrase`.
    """

    text: str
    form: Literal["noun", "action", "fixed"]
    stands_for: str
    is_claim: bool = True
    beside: str = ""


class PhraseBook:
    """All phrases by their first words; those of a word are made when they are asked for, since most never are.

    Args:
        values: Vocabulary → its values, as EmoSet spells them.
        words: `data/grounding_words.toml`.
    """

    def __init__(self, values: Mapping[str, Sequence[str]], words: Mapping[str, Any]) -> None:
        self._shows = _Shows(words["kinds"], words["shown_by"])
        self._unclaimed = {form for text in words["unclaimed"] for form in _forms(text)}
        self._after_determiner = {form for text in words["after_determiner"] for form in _forms(text)}
        self._excepted = [_words(text) for text in words["phrases"]]
        self._entries: dict[str, list[_Entry]] = defaultdict(list)
        for entry in _entries(values, words, self._shows.words):
            for first in _firsts(entry):
                self._entries[first].append(entry)
        self.firsts = frozenset([*self._entries, *(words[0] for words in self._excepted)])

    def of(self, first: str) -> Iterator[Phrase]:
        """Yield each phrase that begins with a word once, with all that it claims and shows."""
        made = _Making(first, self._unclaimed, self._after_determiner)
        for entry in self._entries.get(first, ()):
            value = entry.stands_for if entry.is_claim else ""
            if entry.form == "fixed":
                made.add(iter([_words(entry.text)]), [entry.stands_for], value, beside=entry.beside)
                continue
            shown = self._shows.of(entry.stands_for, entry.text)
            if entry.form == "noun":
                made.add(_forms(entry.text), shown, value)
            else:
                claims, others, gap = _action_forms(entry.text)
                made.add(claims, shown, value, gap=gap)
                made.add(others, shown, gap=gap)
        yield from made.phrases(excepted=self._excepted)


def _entries(
    values: Mapping[str, Sequence[str]], words: Mapping[str, Any], showing: Iterable[str]
) -> Iterator[_Entry]:
    said = words["said"]
    for value in map(value_name, [*values["scene"], *values["object"]]):
        for text in (value, *said.get(value, ())):
            yield _Entry(text, "noun", value)
    for value in map(value_name, values["human_action"]):
        for text in (value, *said.get(value, ())):
            yield _Entry(text, "action", value)
    for face, table in words["faces"].items():
        name = FACE + face
        for text in table["adjectives"]:
            yield _Entry(text, "fixed", name, beside="face")
        for text in table["verbs"]:
            yield _Entry(text, "fixed", name)
        for text in (*table["shown_by"], face):
            yield _Entry(text, "fixed", name, is_claim=False)
    for text in showing:
        yield _Entry(text, "noun", text, is_claim=False)


def _firsts(entry: _Entry) -> Collection[str]:
    """Return the words with which a text may begin in an answer."""
    first, *rest = _words(entry.text)
    if entry.form == "action":
        return _verb_forms(first)
    if entry.form == "fixed" or rest:
        return (first,)
    return _noun_forms(first)


class _Making:
    """Phrases of one first word in the making: several values may give the same words."""

    def __init__(self, first: str, unclaimed: Set[_Words], after_determiner: Set[_Words]) -> None:
        self._first = first
        self._unclaimed = unclaimed
        self._after_determiner = after_determiner
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
            if words[0] != self._first:
                continue
            key = (words, gap)
            self._shows[key].update(shown)
            if value and words not in self._unclaimed:
                self._values[key].add(value)
                self._beside[key].add("determiner" if words in self._after_determiner else beside)

    def phrases(self, excepted: Iterable[_Words]) -> Iterator[Phrase]:
        nothing: frozenset[str] = frozenset()
        for words in excepted:
            if words[0] == self._first:
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
    return tuple(words_of(text.lower()))


def _forms(text: str) -> Iterator[_Words]:
    """Yield a noun phrase in the singular and in its plurals."""
    *before, last = _words(text)
    for form in _noun_forms(last):
        yield (*before, form)


def _noun_forms(noun: str) -> list[str]:
    """Return a noun in the singular and in its plurals; forms that do not exist do no harm."""
    forms = [noun, noun + "s"]
    if noun in _IRREGULAR:
        forms.append(_IRREGULAR[noun])
    if noun.endswith(("s", "x", "z", "ch", "sh", "o")):
        forms.append(noun + "es")
    if noun.endswith("y"):
        forms.append(noun[:-1] + "ies")
    if noun.endswith("man"):
        forms.append(noun[:-2] + "en")
    return forms


def _action_forms(text: str) -> tuple[Iterator[_Words], Iterator[_Words], int]:
    """Return an action's phrases that claim it, others that only show it, and the words that may stand between.

    "plays a guitar" claims "playing guitar", but a verb alone counts only as "singing": "drinks" may be a thing.
    """
    verb, *rest = (word for word in _words(text) if word not in ("a", "an", "the", "or"))
    others = _verb_forms(verb) - {verb}
    if not others:
        return iter([(verb, *rest)]), iter(()), 0
    if not rest:
        return iter([(verb,)]), ((form,) for form in others), 0
    ends = list(_forms(" ".join(rest)))
    return ((form, *end) for form in (verb, *others) for end in ends), iter(()), _GAP


def _verb_forms(verb: str) -> set[str]:
    """Return a verb in "ing" with its other forms; forms that do not exist do no harm."""
    if not verb.endswith("ing") or len(verb) < 5:
        return {verb}
    stem = verb.removesuffix("ing")
    forms = {verb, *(stem + ending for ending in ("", "s", "e", "es", "ed"))}
    return forms | {stem[:-1], stem[:-1] + "s"} if stem[-1] == stem[-2] else forms
