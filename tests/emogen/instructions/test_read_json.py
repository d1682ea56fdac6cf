"""JSON as models really write it."""

from __future__ import annotations

import json

import pytest

from emogen.instructions import Unreadable
from emogen.instructions.conversation import Conversation
from emogen.instructions.reasoning import Reasoning
from emogen.schemas import Turn

PAIR = {"question": "Why is it calm?", "answer": "The water is still.\n\nNobody is there."}
TEXT = json.dumps(PAIR)
THREE = [{"question": f"Question {i}?", "answer": f"Answer, {i}."} for i in range(3)]
ASKED = {"basic": THREE[:2], "advanced": THREE[2]}
TURN = Turn(question=PAIR["question"], answer=PAIR["answer"], kind="reasoning")
TURNS = tuple(
    Turn(question=pair["question"], answer=pair["answer"], kind=kind)
    for pair, kind in zip(THREE, ("basic", "basic", "advanced"), strict=True)
)

ONE: dict[str, str] = {
    "as asked": TEXT,
    "indented": json.dumps(PAIR, indent=2),
    "fence": f"```json\n{TEXT}\n```",
    "open fence": f"```json\n{TEXT}",
    "text around": f"Here you are [as JSON]:\n{TEXT}\nI hope that this helps! {{smile}}",
    "trailing comma": TEXT[:-1] + ",}",
    "single quotes": str(PAIR),
    "curly quotes": "{“question”: “Why is it calm?”, “answer”: “The water is still.\\n\\nNobody is there.”}",
    "bare keys": TEXT.replace('"question"', "question").replace('"answer"', "answer"),
    "newlines inside a string": TEXT.replace("\\n", "\n"),
    "missing bracket": TEXT[:-1],
    "in a list": f"[{TEXT}]",
    "one level down": json.dumps({"reasoning": PAIR}),
    "capital keys": TEXT.replace("question", "Question").replace("answer", "Answer"),
    "spaces": json.dumps({key: f"  {value}\n" for key, value in PAIR.items()}),
    "more fields": json.dumps({"id": 1, **PAIR, "steps": ["a", {"b": 2}]}),
}


@pytest.mark.parametrize("text", ONE.values(), ids=ONE.keys())
def test_a_pair_is_read_from_json(text: str) -> None:
    """Syntax that a model gets wrong is mended, and the words stay the same."""
    assert Reasoning().parse(text) == (TURN,)


MANY: dict[str, object] = {
    "as asked": ASKED,
    "advanced first": {"advanced": ASKED["advanced"], "basic": ASKED["basic"]},
    "advanced in a list": {"basic": THREE[:2], "advanced": [THREE[2]]},
    "a flat list": THREE,
    "a list under another name": {"conversation": THREE},
    "kinds in the pairs": [{**THREE[2], "kind": "advanced"}, *THREE[:2]],
    "named pairs": {"basic_1": THREE[0], "basic_2": THREE[1], "complex_question": THREE[2]},
}


@pytest.mark.parametrize("value", MANY.values(), ids=MANY.keys())
def test_a_conversation_is_read_from_json(value: object) -> None:
    """Three pairs are three turns, whatever holds them, and the advanced one comes last."""
    assert Conversation().parse(json.dumps(value)) == TURNS


def test_a_conversation_is_read_from_objects_behind_one_another() -> None:
    """One object per line is three pairs too."""
    assert Conversation().parse("\n".join(map(json.dumps, THREE))) == TURNS


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        ({"basic": THREE[:2]}, "missing_field", "advanced"),
        ({"basic": THREE[:2], "advanced": {"question": "Why?"}}, "missing_field", "advanced.answer"),
        ({"basic": THREE[:2], "advanced": {"question": "Why?", "answer": " "}}, "missing_field", "advanced"),
        ({"basic": THREE[:2], "advanced": {"question": "Why?", "answer": 7}}, "missing_field", "advanced"),
        ({"basic": THREE[:1], "advanced": THREE[2]}, "turn_count", "basic"),
        ({"basic": THREE, "advanced": THREE[2]}, "turn_count", "basic"),
        (THREE[:2], "turn_count", "found 2"),
        ({}, "unreadable", "{}"),
        ("text", "unreadable", "text"),
        (None, "unreadable", "null"),
    ],
)
def test_what_is_missing_is_named(value: object, reason: str, detail: str) -> None:
    """JSON without three whole pairs is unreadable, for a reason that says where."""
    read = Conversation().parse(json.dumps(value))
    assert isinstance(read, Unreadable)
    assert read.reason == reason
    assert detail in read.detail


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"question": "Why?"}, "missing_field"),
        ({"question": "", "answer": "So."}, "missing_field"),
        ({"question": "Why?", "answer": None}, "missing_field"),
        ([PAIR, PAIR], "turn_count"),
        ([], "unreadable"),
    ],
)
def test_a_reasoning_answer_without_its_pair_is_unreadable(value: object, reason: str) -> None:
    """One whole pair is wanted, neither less nor more."""
    read = Reasoning().parse(json.dumps(value))
    assert isinstance(read, Unreadable)
    assert read.reason == reason


def test_a_cut_answer_keeps_its_cut() -> None:
    """Truncated JSON is closed but never completed: what the model did not write stays missing."""
    read = Reasoning().parse(TEXT[: TEXT.index("Nobody") + 6])
    assert read == (TURN.model_copy(update={"answer": "The water is still.\n\nNobody"}),)
    assert isinstance(Conversation().parse(json.dumps(ASKED)[:60]), Unreadable)


def test_an_emoji_in_two_halves_is_whole_again() -> None:
    """Escaped surrogate pairs become one character, and a single half no longer hurts any file."""
    (turn,) = Reasoning().parse(r"{'question': 'Why \ud83d\ude00 so?', 'answer': 'It \ud83d is.'}")  # type: ignore[misc]
    assert turn.question == "Why \U0001f600 so?"
    turn.answer.encode()
