"""LAVIS's VQA annotations: what is written, and each rule with a row that breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from emogen.exporters.examples import examples_of
from emogen.exporters.instructblip import InstructBlip, question_id
from emogen.schemas import Sample
from emogen.stored import as_stored

GOOD: dict[str, Any] = {
    "question_id": 1,
    "question": "What is it?",
    "image": "photos/a.jpg",
    "answer": ["A rocket."],
    "dataset": "emogen-conversation",
}


def test_a_turn_is_one_row(samples: list[Sample]) -> None:
    """Each question-answer pair stands in a row of its own, in dialogue order."""
    rows = [InstructBlip().row(example) for example in examples_of(as_stored(samples[0]), "a.jpg", "single")]
    assert [(row["question"], row["answer"]) for row in rows] == [
        (turn.question, [turn.answer]) for turn in samples[0].turns
    ]


def test_question_ids_are_unique_and_stay(samples: list[Sample]) -> None:
    """A turn keeps its number whatever else is exported, and no two turns share one."""
    numbers = [
        InstructBlip().row(example)["question_id"]
        for sample in samples
        for example in examples_of(as_stored(sample), "a.jpg", "single")
    ]
    assert len(set(numbers)) == 5
    assert all(0 <= number < 2**63 for number in numbers)
    assert question_id("rocket", "conversation", 0) == numbers[0] == 1764790060132296236


@pytest.mark.parametrize(
    "row",
    [
        GOOD,
        {key: value for key, value in GOOD.items() if key != "dataset"},
        {**GOOD, "answer": ["A rocket.", "A rocket.", "A missile."]},
        {**GOOD, "question": "word " * 60},
    ],
    ids=["ours", "no dataset", "several answers", "longer than the text processor keeps"],
)
def test_what_lavis_loads_is_no_problem(row: object) -> None:
    """Rows that LAVIS loads as meant are not reported; its cut at 50 words is a matter of its settings."""
    assert InstructBlip().check_row(row) == []


@pytest.mark.parametrize(
    ("row", "field", "rule"),
    [
        ("not an object", "row", "must be an object"),
        ({**GOOD, "question_id": "a/0"}, "question_id", "must be a whole number"),
        ({**GOOD, "question_id": True}, "question_id", "must be a whole number"),
        ({**GOOD, "question_id": 2**63}, "question_id", "must be a whole number"),
        ({**GOOD, "question": None}, "question", "must be text, not None"),
        ({**GOOD, "question": " "}, "question", "must not be blank"),
        ({**GOOD, "question": "What is <image>?"}, "question", "must not hold '<image>'"),
        ({**GOOD, "answer": "A rocket."}, "answer", "must be a list of at least one answer"),
        ({**GOOD, "answer": []}, "answer", "must be a list of at least one answer"),
        ({**GOOD, "answer": ["Yes", 3]}, "answer[1]", "must be text, not 3"),
        ({**GOOD, "answer": ["Yes</s>"]}, "answer[0]", "must not hold '</s>'"),
        ({**GOOD, "answer": ["USER: hi"]}, "answer[0]", "must not hold 'USER:'"),
        ({**GOOD, "answer": ["ASSISTANT: hi"]}, "answer[0]", "must not hold 'ASSISTANT:'"),
        ({**GOOD, "image": "../a.jpg"}, "image", "must stay inside the image folder"),
        ({**GOOD, "dataset": "\ud83d"}, "dataset", "must be valid Unicode"),
        ({key: value for key, value in GOOD.items() if key != "image"}, "image", "must be a path, not None"),
    ],
)
def test_each_rule_is_enforced(row: object, field: str, rule: str) -> None:
    """A row that LAVIS would stop at or misread is reported with field, rule and remedy."""
    problem = InstructBlip().check_row(row)[0]
    assert problem.field == field
    assert rule in problem.rule
    assert problem.remedy.endswith(".")
