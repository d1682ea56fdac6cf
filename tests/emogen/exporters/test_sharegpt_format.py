"""LLaMA-Factory's sharegpt form: what is written, and each rule of its loader with a row that breaks it."""

from __future__ import annotations

from typing import Any

import pytest
from broken_row import broken, without

from emogen.exporters.sharegpt import ShareGpt

GOOD: dict[str, Any] = {
    "id": "a/conversation",
    "conversations": [
        {"from": "human", "value": "<image>\nWhat is it?"},
        {"from": "gpt", "value": "A rocket."},
        {"from": "human", "value": "Where?"},
        {"from": "gpt", "value": "On its pad."},
    ],
    "images": ["photos/a.jpg"],
}
SYSTEM = {"from": "system", "value": "You see."}


@pytest.mark.parametrize(
    "row",
    [
        GOOD,
        without(GOOD, "id"),
        {**GOOD, "conversations": [SYSTEM, *GOOD["conversations"]]},
        broken(GOOD, "conversations.2", {"from": "observation", "value": "42"}),
        {"conversations": [{"from": "human", "value": "Hi?"}, {"from": "gpt", "value": "Hi."}]},
        {**broken(GOOD, "conversations.2.value", "And <image>?"), "images": ["a.jpg", "b.jpg"]},
        broken(GOOD, "conversations.1.value", "USER: is a word like any other here."),
    ],
    ids=["ours", "no id", "system first", "a tool's word", "no picture", "two pictures", "Vicuna's mark"],
)
def test_what_llama_factory_loads_is_no_problem(row: dict[str, Any]) -> None:
    """Rows that its converter takes are not reported, ours or not."""
    assert ShareGpt().check_row(row) == []


@pytest.mark.parametrize(
    ("row", "field", "rule"),
    [
        (without(GOOD, "conversations"), "conversations", "must be a list of turns"),
        (without(GOOD, "images"), "images", "as many as there are '<image>' in the conversation, 1, not 0"),
        (broken(GOOD, "images", "a.jpg"), "images", "must be a list"),
        (broken(GOOD, "images.0", "/a.jpg"), "images[0]", "must be relative"),
        (broken(GOOD, "conversations.0.value", "What?"), "images", "0, not 1"),
        (broken(GOOD, "conversations.3.value", "An <image>."), "images", "2, not 1"),
        (broken(GOOD, "conversations.3.value", "A <video>."), "conversations[3].value", "'<video>'"),
        (broken(GOOD, "conversations.1.from", "human"), "conversations[1].from", "must be 'gpt'"),
        (broken(GOOD, "conversations.2", SYSTEM), "conversations[2].from", "must be 'human'"),
        (
            broken(GOOD, "conversations", GOOD["conversations"][:3]),
            "conversations",
            "even number of turns, not 3",
        ),
        (broken(GOOD, "conversations.1", "A rocket."), "conversations[1]", "must be an object"),
        (broken(GOOD, "conversations.1.value", None), "conversations[1].value", "must be text"),
    ],
)
def test_each_rule_is_enforced(row: dict[str, Any], field: str, rule: str) -> None:
    """A row that LLaMA-Factory would drop or stop at is reported with field and rule."""
    assert any(p.field == field and rule in p.rule for p in ShareGpt().check_row(row))
