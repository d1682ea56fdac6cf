"""LLaVA's list as LAVIS reads it: each rule with a row that breaks it."""

from __future__ import annotations

from typing import Any

import pytest
from broken_row import broken, without

from emogen.exporters.lavis_llava import LavisLlava

GOOD: dict[str, Any] = {
    "id": "a/reasoning",
    "image": "photos/a.jpg",
    "conversations": [
        {"from": "human", "value": "<image>\nWhat is it?"},
        {"from": "gpt", "value": "A rocket."},
    ],
}


def test_a_good_row_is_no_problem() -> None:
    """One question and answer about an image is what LAVIS reads."""
    assert LavisLlava().check_row(GOOD) == []


@pytest.mark.parametrize(
    ("row", "field", "rule"),
    [
        (without(GOOD, "image"), "image", "must be a path"),
        (broken(GOOD, "conversations", GOOD["conversations"] * 2), "conversations[2].value", "must not hold"),
        (
            broken(
                GOOD, "conversations", [*GOOD["conversations"], *[{"from": "human", "value": "Why?"}] * 2]
            ),
            "conversations",
            "LAVIS reads the first question and answer only",
        ),
        (
            broken(GOOD, "conversations.0.value", "What?"),
            "conversations[0].value",
            "must hold '<image>' once",
        ),
    ],
)
def test_each_rule_is_enforced(row: dict[str, Any], field: str, rule: str) -> None:
    """What LAVIS would not read, or not as meant, is reported with field and rule."""
    assert any(p.field == field and rule in p.rule for p in LavisLlava().check_row(row))
