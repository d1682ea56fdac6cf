"""The answer repeats what a seed example says of another picture."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator, Sequence, Set
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple

from emogen.checks import Answer, Example, Fault, Said, Score, words_of
from emogen.checks.settings import SeedCopy
from emogen.errors import shorten
from emogen.schemas import ImageRecord

__all__ = ["check"]

# "s" and "ll" are what is left of "bird's" and "they'll".
SHORT: Final = 2
STEM: Final = 5
# The words of grammar, of any argument, and of looking at pictures: they say nothing of what is in one.
_SAYS_NOTHING: Final = frozenset(
    """
    about above act add adds after again all almost already also although always among and another any anybody anything
    are around away because been before behind being below between both but can cannot come comes could did different
    does doing done down each else even every everybody everything eye feel feeling feels felt few for from gets give
    gives given goes had has have her here him his how image images into its itself just kind less let like likely
    little look looking looks made make makes making many may might moment mood more most much must near never nobody
    none not nothing now off often once one only open other others our out over own part perhaps photo photograph
    picture pictures put quite rather reads same say says scene see seem seems seen sense several shape she should show
    shown shows side since some somebody someone something still such suggests take taken tell tells than that the
    their them then there these they thing things think this those though through thus time times together too towards
    turn turns two under until upon used very view viewer viewers visible was way well were what when where which while
    who whoever whole why will with within without would yes yet you
    """.split()  # noqa: SIM905 - as a list of 200 literals nobody could read it
)
_STRETCH: Final = re.compile(b"\1+")
# What a number in the record says in words.
_BRIGHTNESS: Final = "bright brightly brightness dark darkness dim light lights lit"
_COLORFULNESS: Final = (
    "color colored colorful colors colour coloured colourful colours grey gray muted strong"
)


def check(answer: Answer, settings: SeedCopy) -> Iterator[Fault | Score]:
    """The answer repeats words of a seed example about things that its own record does not have."""
    if not answer.examples:
        return
    length, most = settings.run_words, 0
    for turn, repeated in _repeated(answer, length):
        copied = len(_without_support(repeated, answer.record))
        most = max(most, copied)
        if copied > settings.most_copied_words:
            longest = max(repeated, key=len)
            source = _source(tuple(longest[:length]), answer.examples)
            yield Fault(f"repeats {shorten(' '.join(longest))!r} of the seed example {source!r}", turn)
    yield Score(most)


def _repeated(answer: Answer, length: int) -> Iterator[tuple[Said, list[Sequence[str]]]]:
    """Yield the turns that have runs of examples, with the stretches that are made of such runs."""
    words: list[str] = []
    ends: list[int] = []
    for turn in answer.said:
        # What stands between is no word, so that no run goes from one text into the next.
        words += [*turn.question.words, "", *turn.answer.words, ""]
        ends.append(len(words))
    is_repeated = bytearray(len(words))
    for begin in _places(words, _known(frozenset(answer.examples), length), length):
        is_repeated[begin : begin + length] = b"\1" * length
    # Mostly there is none.
    stretches = [match.span() for match in _STRETCH.finditer(is_repeated)] if any(is_repeated) else []
    for number, spans in groupby(stretches, lambda span: bisect(ends, span[0])):
        yield answer.said[number], [words[begin:end] for begin, end in spans]


class _Known(NamedTuple):
    """The words and the runs of several examples."""

    words: Set[str]
    runs: Set[tuple[str, ...]]


@lru_cache(maxsize=256)
def _known(examples: frozenset[Example], length: int) -> _Known:
    # Together, so that an answer is gone through once, and not once for each example.
    return _Known(
        frozenset().union(*(example.words for example in examples)),
        frozenset().union(*(example.runs(length) for example in examples)),
    )


def _places(words: Sequence[str], known: _Known, length: int) -> Iterator[int]:
    """Yield where runs of examples begin in these words."""
    # Only where each of so many words in a row is one of the examples' can there be a run, and that is rare.
    is_known = bytes(map(known.words.__contains__, words))
    all_known = b"\1" * length
    begin = is_known.find(all_known)
    while begin >= 0:
        if tuple(words[begin : begin + length]) in known.runs:
            yield begin
        begin = is_known.find(all_known, begin + 1)


def _source(run: tuple[str, ...], examples: Sequence[Example]) -> str:
    return next(example.name for example in examples if run in example.runs(len(run)))


def _without_support(stretches: Sequence[Sequence[str]], record: ImageRecord) -> list[str]:
    """Return the words that say something of a picture, and not of this one."""
    said = [word for stretch in stretches for word in stretch if _says_something(word)]
    if not said:
        return said
    known = record.attributes
    told = [record.caption, known.scene, *known.object, known.facial_expression, known.human_action]
    told += [record.emotion, *record.labels]
    told += [
        _BRIGHTNESS if known.brightness is not None else "",
        _COLORFULNESS if known.colorfulness is not None else "",
    ]
    supported = {word[:STEM] for word in words_of("\n".join(filter(None, told)).lower())}
    return [word for word in said if word[:STEM] not in supported]


def _says_something(word: str) -> bool:
    return len(word) > SHORT and word not in _SAYS_NOTHING
