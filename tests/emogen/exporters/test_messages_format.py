"""Messages with a column of images: each rule of TRL with a row that breaks it; JSON Lines read with their lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from broken_row import broken, without

from emogen.errors import InputError
from emogen.exporters.json_lines import read_json_lines
from emogen.exporters.messages import Messages
from emogen.exporters.validate import validate

GOOD: dict[str, Any] = {
    "id": "a/conversation",
    "messages": [
        {
            "role": "user",
            "content": [{"type": "image", "text": None}, {"type": "text", "text": "What is it?"}],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "A rocket."}]},
    ],
    "images": ["photos/a.jpg"],
}


@pytest.mark.parametrize(
    "row",
    [
        GOOD,
        without(GOOD, "id"),
        {**GOOD, "messages": [{"role": "system", "content": "You see."}, *GOOD["messages"]]},
        {"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hi."}]},
        {
            "messages": [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "A cat."}],
            "images": ["a.jpg"],
        },
    ],
    ids=["ours", "no id", "system first", "text only", "plain text with an image"],
)
def test_what_trl_takes_is_no_problem(row: dict[str, Any]) -> None:
    """Rows that TRL prepares as meant are not reported, ours or not."""
    assert Messages().check_row(row) == []


@pytest.mark.parametrize(
    ("row", "field", "rule"),
    [
        (without(GOOD, "messages"), "messages", "must be a list of messages"),
        (without(GOOD, "images"), "images", "items of type 'image', 1, not 0"),
        (broken(GOOD, "images", "a.jpg"), "images", "must be a list"),
        (broken(GOOD, "images.0", "../a.jpg"), "images[0]", "must stay inside"),
        (broken(GOOD, "messages.0.content.0", {"type": "text", "text": "See."}), "images", "0, not 1"),
        (broken(GOOD, "messages.0.role", "human"), "messages[0].role", "must be 'user'"),
        (broken(GOOD, "messages", GOOD["messages"][:1]), "messages", "must end with an answer"),
        (broken(GOOD, "messages.1", "A rocket."), "messages[1]", "must be an object"),
        (broken(GOOD, "messages.1.content", []), "messages[1].content", "must be text or a list"),
        (broken(GOOD, "messages.1.content.0.type", "video"), "messages[1].content[0]", "'text' or 'image'"),
        (broken(GOOD, "messages.1.content.0.text", " "), "messages[1].content[0].text", "must not be blank"),
        (broken(GOOD, "messages.1.content.0.text", "<image>"), "messages[1].content[0].text", "'<image>'"),
        (broken(GOOD, "messages.0.content", [{"type": "image"}]), "messages[0].content", "must hold text"),
    ],
)
def test_each_rule_is_enforced(row: dict[str, Any], field: str, rule: str) -> None:
    """A row that TRL would stop at or misread is reported with field and rule."""
    assert any(p.field == field and rule in p.rule for p in Messages().check_row(row))


def test_lines_are_named(tmp_path: Path) -> None:
    """A problem's place is the line; a line that is no JSON ends the reading with its number."""
    path = tmp_path / "messages.jsonl"
    path.write_text('{"messages": []}\n\n{"messages": 1}\n')
    assert [problem.place for problem in validate(path, "messages")] == [
        f"{path}:1: row 0",
        f"{path}:3: row 1",
    ]
    path.write_text('{}\n{"messages"\n')
    with pytest.raises(InputError, match=r"messages\.jsonl:2: broken JSON"):
        list(read_json_lines(path))
    with pytest.raises(InputError, match="cannot be read"):
        list(read_json_lines(tmp_path / "nothing.jsonl"))
