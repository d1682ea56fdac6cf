"""For each reason code: what must be found, and what looks like it and must pass."""

from __future__ import annotations

import pytest

from emogen.checks import CHECKS, Answer, Fault
from emogen.checks.findings import Examiner
from emogen.checks.settings import DEFAULT_CHECKS
from emogen.schemas import Completion, ImageRecord, Turn, TurnKind

CAPTION = "A boat lies in a harbour."
QUESTION = "What can be seen in the picture?"
FILLED = "The boat lies still beside the pier, the water is flat, and nobody is there."


def answered(
    text: str,
    *,
    question: str = QUESTION,
    kind: TurnKind = "basic",
    emotion: str | None = "contentment",
    labels: tuple[str, ...] = ImageRecord(id="x", image="x").labels,
    finish_reason: str = "stop",
) -> Answer:
    record = ImageRecord(id="a", image="a.jpg", caption=CAPTION, emotion=emotion, labels=labels)
    turn = Turn(question=question, answer=text, kind=kind)
    completion = Completion(text=text, model="m", finish_reason=finish_reason)
    return Answer(record, "conversation", (turn,), completion)


def reasons(answer: Answer) -> list[str]:
    return [finding.reason for finding in Examiner().examine(answer).findings]


def faults(reason: str, answer: Answer) -> list[str]:
    """What one check finds wrong, by its default settings."""
    seen = CHECKS.get(reason)(answer, DEFAULT_CHECKS.of(reason))
    return [fault.detail for fault in seen if isinstance(fault, Fault)]


BAD: dict[str, list[str]] = {
    "truncated": [
        "The boat lies beside the pier and the",
        "The boat, the pier,",
        "The dog can be seen clearly, and it",
        "The face looks happy, with",
        "There are two boats:",
        "The boat lies still.\n\nThe water is flat and nobody has come here since the",
        " ",
    ],
    "refusal": [
        "I'm sorry, but I can't assist with that.",
        "I am sorry, I am not able to help.",
        "I'm afraid I cannot answer this.",
        "As an AI, I have no eyes.",
        "As a large language model I do not see.",
        "As a visual assistant, I look at the boat.",
        "I can’t see the image.",
        "I'm unable to view any images.",
        "I cannot identify the person.",
        "I don't have access to the picture.",
        "No image was provided.",
    ],
    "length": ["boat " * 200 + "."],
    "source_leak": [
        "The caption says that a boat is there.",
        "As the given attributes show, it is calm.",
        "The attributes list a boat.",
        "Based on the provided information, it is a boat.",
        "The brightness is 0.6 here.",
        "It has a brightness of .6 and is calm.",
        "Brightness: 1 here.",
        "The colorfulness is at 40% here.",
        "With 0.7 brightness it is bright.",
        "The colourfulness score is low.",
        "The emotion label is calm.",
        "The image is labeled as calm.",
    ],
    "label_conflict": [
        "The picture evokes fear.",
        "It conveys a strong sense of sadness.",
        "The image expresses anger.",
        "One gets a feeling of deep awe.",
        "There is no contentment here.",
        "The scene doesn't convey any contentment.",
        "Without a sense of contentment, it is empty.",
        "Nobody speaks. It inspires fear.",
    ],
}

GOOD: dict[str, list[str]] = {
    "truncated": [
        "A red turban",
        "Two",
        "Singing into a microphone",
        "The boat lies still.",
        "Is it a boat? It is!",
        'The sign says "Stop"',
        "It is a boat (a small one)",
        "Such a calm day 😊",
        "It is calm…",
        "Two things:\n- the boat\n- the pier",
        "Two things:\n1. the boat\n2. the pier beyond the second boat",
        "Two things:\n* the boat\n• the pier",
    ],
    "refusal": [
        "No, I cannot see any vehicle in the picture.",
        "I can't see another person there.",
        "I cannot identify any other animals.",
        "The dog runs as a large crowd gathers.",
        "The swing serves as a visual anchor.",
        "He works as a language teacher.",
        "One cannot help but smile.",
        "I can't help but notice the boat.",
        "The man seems unable to help himself.",
        "The card reads 'I'm sorry, I love you'.",
        "I am unable to look away from the boat.",
        "I cannot see the picture frame.",
    ],
    "length": ["Yes.", "boat " * 100 + "."],
    "source_leak": [
        "A jar is labelled with the word jam.",
        "The wall is tagged with graffiti.",
        "The brightness of the sky stands out.",
        "The brightness level suggests an early hour.",
        "There are 3 boats and 40 people.",
        "Their mood may be attributed to the light.",
        "The scene is based on a description of the sea.",
        "Its brightness comes from 12 lamps.",
        "The colours are strong, and the picture is bright.",
    ],
    "label_conflict": [
        "The picture evokes contentment.",
        "Nothing in the scene evokes fear.",
        "The scene does not convey sadness.",
        "It conveys calm rather than a sense of awe, or inspires awe.",
        "The calm of the boat, far from evoking fear, is pleasant.",
        "The boy's face expresses anger.",
        "It evokes not only awe but contentment.",
        "It is awesome and fearless.",
        "A sense of peace lies over it.",
        "He is not content yet.",
        "No wonder that contentment fills the harbour.",
    ],
}


def cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(reason, text) for reason, texts in table.items() for text in texts]


@pytest.mark.parametrize(("reason", "text"), cases(BAD))
def test_what_is_wrong_is_found(reason: str, text: str) -> None:
    """An answer with the fault is found under the fault's reason code, with the words that show it."""
    assert faults(reason, answered(text))


@pytest.mark.parametrize(("reason", "text"), cases(GOOD))
def test_what_only_looks_wrong_passes(reason: str, text: str) -> None:
    """A good answer is not lost to a check that knows its words but not its meaning."""
    assert faults(reason, answered(text)) == []


@pytest.mark.parametrize("finish_reason", ["length", "max_tokens", "MAX_TOKENS"])
def test_a_token_limit_is_a_truncation(finish_reason: str) -> None:
    """An answer that the provider cut is truncated however well it ends."""
    assert "--max-tokens" in faults("truncated", answered("It is so.", finish_reason=finish_reason))[0]


def test_a_content_filter_is_a_refusal() -> None:
    """An answer that the provider's filter stopped is a refusal however it reads."""
    assert faults("refusal", answered("It is so.", finish_reason="content_filter"))


@pytest.mark.parametrize(
    ("kind", "words", "wrong"),
    [
        ("basic", 1, False),
        ("basic", 120, False),
        ("basic", 121, True),
        ("advanced", 11, True),
        ("advanced", 12, False),
        ("reasoning", 14, True),
        ("reasoning", 15, False),
        ("reasoning", 801, True),
    ],
)
def test_lengths_depend_on_the_kind_of_turn(kind: TurnKind, words: int, wrong: bool) -> None:
    """The bounds are inclusive, and reasons need more words than facts."""
    assert bool(faults("length", answered("word " * words, kind=kind))) == wrong


@pytest.mark.parametrize(("words", "wrong"), [(2, True), (3, False), (80, False), (81, True)])
def test_a_question_has_a_length_too(words: int, wrong: bool) -> None:
    """A question is neither a single word nor a story."""
    assert bool(faults("length", answered("Yes.", question="word " * words))) == wrong


@pytest.mark.parametrize(
    ("question", "wrong"),
    [
        ("What gives the scene its contentment?", True),
        ("Is this CONTENTMENT?", True),
        ("Does the boy look content?", False),
        ("Where does the fear come from?", False),
    ],
)
def test_a_question_does_not_name_the_label(question: str, wrong: bool) -> None:
    """Only the labelled emotion itself, as a whole word, gives the answer away."""
    assert bool(faults("question_leak", answered("It is so.", question=question))) == wrong


def test_a_reasoning_question_may_name_the_label() -> None:
    """What is a leak in a conversation is the subject of a reasoning question."""
    leaking = answered(FILLED, question="What gives the scene its contentment?")
    assert reasons(leaking) == ["question_leak"]
    assert reasons(Answer(leaking.record, "reasoning", leaking.turns, leaking.completion)) == []


def test_a_leak_in_a_question_is_found_too() -> None:
    """The question speaks of the caption as little as the answer does."""
    assert reasons(answered(FILLED, question="What does the caption describe?")) == ["source_leak"]


def test_labels_of_a_users_own_are_known_in_any_case() -> None:
    """A label with capitals or of several words is found in the text's own spelling."""
    labels = ("Joy", "Quiet Rage (deep)")
    for text in ("It evokes quiet rage (deep).", "There is no joy."):
        assert faults("label_conflict", answered(text, emotion="Joy", labels=labels))
    assert not faults("label_conflict", answered("It evokes joy.", emotion="Joy", labels=labels))


def test_without_a_label_nothing_contradicts_it() -> None:
    """A record without an emotion has no label to leak or to contradict."""
    unlabelled = answered("It evokes fear in every one who comes here.", question="Is it fear?", emotion=None)
    assert reasons(unlabelled) == []


def test_findings_come_cheap_and_decisive_first() -> None:
    """Of several faults the one that explains the others is reported first."""
    cut = answered("I'm sorry, but I can't assist with the caption and", finish_reason="length")
    assert reasons(cut) == ["truncated", "refusal", "source_leak"]
