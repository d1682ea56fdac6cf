"""The answer claims something of EmoSet's vocabularies that nothing known of the image supports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from functools import cache
from itertools import chain
from typing import Final

from emogen.checks import Answer, Fault, Said, Score, Text
from emogen.checks.phrases import FACE, VocabularyName
from emogen.checks.settings import Ungrounded
from emogen.checks.vocabulary import Mention, Phrases, mentions, shown_by, vocabulary
from emogen.schemas import ImageRecord, TurnKind

__all__ = ["check"]

_NAMED: Final = 3
_REACH: Final = 200
_CLAUSE: Final = re.compile(r"[.!?;:\n]|\b(?:but|however|though|although|while|whereas|yet)\b")
_BARE_NO: Final = re.compile(r"^\W*no\s*,")
# Denied, compared, or inferred: no claim of what can be seen.
_TAKEN_BACK: Final = re.compile(
    r"\b(?:no|not|never|nothing|nobody|none|nor|neither|without|hardly|rather than|instead of|far from|cannot|any"
    r"|lack\w*|free (?:of|from)|absence of|absent|empty of|devoid of|missing"
    r"|may|might|could|would|perhaps|possibly|probably|likely|maybe|whether|if|imagin\w*|impl(?:y|ies)|suggest\w*"
    r"|hint\w*|evok\w*|recall\w*|resembl\w*|remind\w*|reminiscent|often|usually|typical\w*|expect\w*"
    r"|associat\w*|symbol\w*|stands? for|belong\w*)\b|n['’]t\b"
)
_COMPARED: Final = re.compile(r"\b(?:than|like|unlike|as if|as though|similar to|such as|as \w+ as)\b")
_NEAR: Final = 30
_DENIED_AFTER: Final = re.compile(
    r"(?:\s\w+){0,2}\s(?:(?:is|are|can|do|does|be)\s?(?:not|n['’]t)|cannot|isn['’]t|aren['’]t|can['’]t)"
    r"\s(?:\w+\s){0,2}(?:visible|seen|shown|present|there|in the|part|anywhere|appear|found)"
    r"|(?:\s\w+){0,2}\s(?:nowhere|absent|missing)\b"
)
# A smile that a viewer has is none in the picture.
_OF_THE_VIEWER: Final = re.compile(
    r"\b(?:viewers?|onlookers?|mak(?:e|es|ing)|brings?|invites?|coax\w*|hard to)\b"
)
# A basic answer says what can be seen; the others also say how things are in general, as in "a smile opens doors".
_SEEN: Final = re.compile(
    r"\b(?:there (?:is|are)|shows?|shown|showing|see|sees|seen|visible|notices?"
    r"|(?:in|of) the (?:picture|image|photo\w*|scene|background|foreground)"
    r"|holds?|holding|wears?|wearing|beside|next to|behind|in front of|stands?|lies|sits?|sitting|standing|lying)\b"
)
_SENTENCE_END: Final = re.compile(r"[.!?;\n]")
_POINTING: Final = frozenset(
    """
    the this that these those his her their its two three four five six several both other is are
    """.split()  # noqa: SIM905 - shorter than a list of literals
)
_IS_THERE: Final = re.compile(
    r"(?:(?:is|are) there|(?:can|do) (?:you|we) see|does (?:the|this) (?:image|picture|photo\w*) (?:show|contain))\b"
    r"(?!.*\bor\b)"
)
_ANY: Final = re.compile(r"\bany\b")


def check(answer: Answer, settings: Ungrounded) -> Iterator[Fault | Score]:
    """The answer claims an object, scene, expression or action that neither caption nor attributes support."""
    if answer.image_seen and not settings.images_seen:
        return
    evidence = _evidence(answer.record)
    shown = shown_by(evidence)
    wanted = _values_of(settings.vocabularies)
    claimable = vocabulary().claims(answer.words)
    if _is_supported(claimable, shown) and not any(_ANY.search(turn.question.lower) for turn in answer.said):
        # Whatever it claims is there, and one claim is enough to say so.
        if any(not mention.values.isdisjoint(wanted) for mention, _ in _all_mentions(answer, claimable)):
            yield Score(0.0)
        return
    claims = unsupported = 0
    for turn in answer.said:
        missing: list[str] = []
        for mention, text in _mentions(turn, claimable):
            if mention.values.isdisjoint(wanted):
                continue
            said = text.words[mention.begin : mention.end]
            if not mention.values.isdisjoint(shown) or _is_derived(said[-1], evidence):
                claims += 1
            elif _is_asserted(mention, text, turn.kind):
                claims += 1
                missing.append(" ".join(said))
        unsupported += len(missing)
        if len(missing) > settings.most_unsupported:
            named = ", ".join(list(dict.fromkeys(missing))[:_NAMED])
            yield Fault(f"neither the caption nor the attributes show: {named}", turn)
    if claims:
        yield Score(unsupported / claims)


def _is_supported(claimable: Phrases, shown: Set[str]) -> bool:
    """Whether each of these phrases is true of what is shown, whichever of them stand in the answer."""
    return not any(
        phrase.values and phrase.values.isdisjoint(shown)
        for phrases in claimable.values()
        for phrase in phrases
    )


def _all_mentions(answer: Answer, claimable: Phrases) -> Iterator[tuple[Mention, Text]]:
    return chain.from_iterable(_mentions(turn, claimable) for turn in answer.said)


@cache
def _values_of(vocabularies: tuple[VocabularyName, ...]) -> frozenset[str]:
    return vocabulary().values(vocabularies)


def _evidence(record: ImageRecord) -> str:
    known = record.attributes
    named = (record.caption, known.scene, *known.object, known.facial_expression, known.human_action)
    return "\n".join(text.replace("_", " ").lower() for text in named if text)


def _is_derived(word: str, evidence: str) -> bool:
    """Whether the evidence has a word that is made of this one: a rafter or rafting for a raft."""
    return word in evidence and re.search(rf"\b{word}(?:ing|ers?|ed|ists?|y)\b", evidence) is not None


def _mentions(turn: Said, claimable: Phrases) -> Iterator[tuple[Mention, Text]]:
    for mention in mentions(turn.answer.words, claimable):
        yield mention, turn.answer
    # "Is there a dog?" "Yes." says that there is one.
    if turn.answer.lower.startswith("yes") and _IS_THERE.match(turn.question.lower):
        text = turn.question
        if _ANY.search(text.lower):
            text = Text(_ANY.sub("a", text.lower))
            claimable = vocabulary().claims(frozenset(text.words))
        for mention in mentions(text.words, claimable):
            yield mention, text


def _is_asserted(mention: Mention, text: Text, kind: TurnKind) -> bool:
    """Whether the sentence says that what it mentions can be seen; it may as well deny, compare or infer it."""
    begin, end = text.places[mention.begin][0], text.places[mention.end - 1][1]
    before, after = text.lower[max(0, begin - _REACH) : begin], text.lower[end : end + _REACH]
    clause = _CLAUSE.split(before)[-1]
    if _TAKEN_BACK.search(_BARE_NO.sub("", clause)) or _COMPARED.search(clause[-_NEAR:]):
        return False
    if _DENIED_AFTER.match(after):
        return False
    if any(value.startswith(FACE) for value in mention.values) and _OF_THE_VIEWER.search(clause):
        return False
    if kind == "basic" or (mention.begin and text.words[mention.begin - 1] in _POINTING):
        return True
    sentence = _SENTENCE_END.split(before)[-1] + _SENTENCE_END.split(after)[0]
    return bool(_SEEN.search(sentence))
