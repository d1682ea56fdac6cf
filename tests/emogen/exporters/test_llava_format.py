"""LLaVA's list: what is written, and each rule of its loader with a row that breaks it."""

from __future__ import annotations

from typing import Any

import pytest
from broken_row import broken, without

from emogen.exporters.examples import examples_of
from emogen.exporters.llava import Llava
from emogen.stored import as_stored

GOOD: dict[str, Any] = {
    "id": "a/conversation",
    "image": "photos/a.jpg",
    "conversations": [
        {"from": "human", "value": "<image>\nWhat is it?"},
        {"from": "gpt", "value": "A rocket."},
        {"from": "human", "value": "Where?"},
        {"from": "gpt", "value": "On its pad."},
    ],
}


def test_a_sample_is_one_row_with_the_picture_once_and_first(make_sample: Any) -> None:
    """The picture's token opens the first human turn and stands nowhere else."""
    row = Llava().row(examples_of(as_stored(make_sample("a")), "photos/a.jpg", "conversation")[0])
    assert row == {
        "id": "a/conversation",
        "image": "photos/a.jpg",
        "conversations": [
            {"from": "human", "value": "<image>\nWhat is it?"},
            {"from": "gpt", "value": "A rocket."},
        ],
    }


TEXT_ONLY = {
    "conversations": [
        {"from": "human", "value": "Hello?"},
        {"from": "gpt", "value": "Hello."},
    ]
}


@pytest.mark.parametrize(
    "row",
    [
        GOOD,
        TEXT_ONLY,
        without(GOOD, "id"),
        {**GOOD, "id": 7, "model": "anything"},
        broken(GOOD, "conversations.0.value", "What is it?\n<image>"),
    ],
    ids=["ours", "text only", "no id", "other keys", "token last"],
)
def test_what_the_loader_takes_is_no_problem(row: object) -> None:
    """Rows that LLaVA loads and trains on as meant are not reported."""
    assert Llava().check_row(row) == []


@pytest.mark.parametrize(
    ("row", "field", "rule"),
    [
        (["not", "an", "object"], "row", "must be an object"),
        (without(GOOD, "conversations"), "conversations", "must be a list of turns, not missing"),
        (broken(GOOD, "conversations", []), "conversations", "must be a list of turns"),
        (
            broken(GOOD, "conversations", GOOD["conversations"][:3]),
            "conversations",
            "even number of turns, not 3",
        ),
        (broken(GOOD, "conversations.1", "A rocket."), "conversations[1]", "must be an object"),
        (broken(GOOD, "conversations.0.from", "gpt"), "conversations[0].from", "must be 'human', not 'gpt'"),
        (
            broken(GOOD, "conversations.1.from", "human"),
            "conversations[1].from",
            "must be 'gpt', not 'human'",
        ),
        (broken(GOOD, "conversations.1.from", "assistant"), "conversations[1].from", "not 'assistant'"),
        (broken(GOOD, "conversations.1.value", None), "conversations[1].value", "must be text, not None"),
        (broken(GOOD, "conversations.1.value", " \n"), "conversations[1].value", "must not be blank"),
        (broken(GOOD, "conversations.0.value", "<image>\n "), "conversations[0].value", "must not be blank"),
        (
            broken(GOOD, "conversations.0.value", "What?"),
            "conversations[0].value",
            "trains the row without its",
        ),
        (
            broken(GOOD, "conversations.0.value", "<image>\n<image>?"),
            "conversations[0].value",
            "once, not 2 times",
        ),
        (
            broken(GOOD, "conversations.1.value", "<image>"),
            "conversations[1].value",
            "must not hold '<image>'",
        ),
        (
            broken(GOOD, "conversations.2.value", "<image>?"),
            "conversations[2].value",
            "must not hold '<image>'",
        ),
        (without(GOOD, "image"), "conversations[0].value", "must not hold '<image>'"),
        (
            broken(GOOD, "conversations.1.value", "Yes</s>no"),
            "conversations[1].value",
            "must not hold '</s>'",
        ),
        (
            broken(GOOD, "conversations.2.value", "USER: hi"),
            "conversations[2].value",
            "must not hold 'USER:'",
        ),
        (
            broken(GOOD, "conversations.3.value", "ASSISTANT: hi"),
            "conversations[3].value",
            "hold 'ASSISTANT:'",
        ),
        (broken(GOOD, "conversations.0.value", "US<image>ER: hi"), "conversations[0].value", "hold 'USER:'"),
        (
            broken(GOOD, "conversations.1.value", "\ud83d"),
            "conversations[1].value",
            r"valid Unicode, not \ud83d",
        ),
        (broken(GOOD, "id", "\ud83d"), "id", "valid Unicode"),
        (broken(GOOD, "image", None), "image", "must be a path, not None"),
        (broken(GOOD, "image", "/data/a.jpg"), "image", "must be relative"),
    ],
)
def test_each_rule_of_the_loader_is_enforced(row: object, field: str, rule: str) -> None:
    """A row that the loader would stop at, mask or misread is reported with field, rule and remedy."""
    problem = Llava().check_row(row)[0]
    assert problem.field == field
    assert rule in problem.rule
    assert problem.remedy.endswith(".")
