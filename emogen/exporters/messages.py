"""Conversations as Hugging Face's trainers take them: `messages` and a column of images.

Source of the rules: huggingface/trl 1.16, `trl/data_utils.py` (`is_conversational`, `prepare_multimodal_messages`).
Read it with `datasets.load_dataset("json", ...)`; the images are paths, which become images by
`cast_column("images", datasets.List(datasets.Image()))` where the program runs in the folder that they start from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from emogen.errors import shorten
from emogen.exporters import Example, Layout, Problem, Row, Turns
from emogen.exporters.conversations import not_an_object
from emogen.exporters.images import check_images
from emogen.exporters.json_lines import JsonLines
from emogen.exporters.text import IMAGE_MARKS, check_text, check_unicode

__all__ = ["Messages", "check_messages"]

_ROLES: Final = ("user", "assistant")


class Messages:
    """Hugging Face TRL: conversational messages with a column of images, JSON Lines."""

    layout: Layout = JsonLines()
    turns: tuple[Turns, ...] = ("conversation", "single")
    bare_names: bool = False
    takes_plain: bool = True
    unique: str | None = None

    def row(self, example: Example) -> Row:
        """Return `{id, messages: [{role, content: [{type, text}]}], images: [path]}`."""
        messages = [
            {"role": role, "content": [{"type": "text", "text": text}]}
            for turn in example.turns
            for role, text in (("user", turn.question), ("assistant", turn.answer))
        ]
        # With the same fields in each item, Arrow reads every row alike.
        messages[0]["content"].insert(0, {"type": "image", "text": None})  # type: ignore[attr-defined]
        return {"id": example.id, "messages": messages, "images": [example.image]}

    def check_row(self, row: object) -> list[Problem]:
        """Return the rules of TRL that a row breaks."""
        if not isinstance(row, dict):
            return not_an_object(row)
        images = row.get("images", [])
        problems = [*check_unicode("id", row.get("id")), *check_images(images)]
        messages = row.get("messages")
        if not isinstance(messages, list) or not messages:
            seen = "missing" if messages is None else shorten(repr(messages), 40)
            rule = f"must be a list of messages, not {seen}"
            return [*problems, Problem("messages", rule, "Write a question and its answer.")]
        problems += check_messages(messages)
        problems += _check_count(messages, len(images) if isinstance(images, list) else 0)
        return problems


def check_messages(messages: list[Any]) -> Iterator[Problem]:
    """Yield what is wrong with the messages of a row, at least one, images aside."""
    begin = int(isinstance(messages[0], dict) and messages[0].get("role") == "system")
    for index, message in enumerate(messages):
        field = f"messages[{index}]"
        if not isinstance(message, dict):
            yield Problem(
                field, f"must be an object, not {shorten(repr(message), 40)}", "Write {role, content}."
            )
            continue
        wanted = _ROLES[(index - begin) % 2]
        if index >= begin and message.get("role") != wanted:
            yield Problem(
                f"{field}.role",
                f"must be {wanted!r}, not {shorten(repr(message.get('role')), 40)}",
                "Let user and assistant take turns, user first.",
            )
        yield from _check_content(f"{field}.content", message.get("content"))
    if (len(messages) - begin) % 2:
        yield Problem(
            "messages",
            f"must end with an answer, and have {len(messages) - begin} messages",
            "Add the missing one, or take the odd one out.",
        )


def _check_content(field: str, content: object) -> Iterator[Problem]:
    if isinstance(content, str):
        yield from check_text(field, content, IMAGE_MARKS)
        return
    if not isinstance(content, list) or not content:
        yield Problem(
            field,
            f"must be text or a list of items, not {shorten(repr(content), 40)}",
            "Write [{type, text}].",
        )
        return
    for index, item in enumerate(content):
        fields = item if isinstance(item, dict) else {}
        if fields.get("type") == "text":
            yield from check_text(f"{field}[{index}].text", fields.get("text"), IMAGE_MARKS)
        elif fields.get("type") != "image":
            rule = f"must be an item of type 'text' or 'image', not {shorten(repr(item), 40)}"
            yield Problem(f"{field}[{index}]", rule, "Write {type, text}.")
    if not any(isinstance(item, dict) and item.get("type") == "text" for item in content):
        yield Problem(field, "must hold text", "Add an item of type 'text'.")


def _check_count(messages: list[Any], images: int) -> Iterator[Problem]:
    contents = [message.get("content") for message in messages if isinstance(message, dict)]
    if all(isinstance(content, str) for content in contents):
        # TRL itself puts the images before the first question then.
        return
    items = [item for content in contents if isinstance(content, list) for item in content]
    places = sum(isinstance(item, dict) and item.get("type") == "image" for item in items)
    if places != images:
        rule = f"must be as many as there are items of type 'image', {places}, not {images}: TRL stops at the row"
        yield Problem("images", rule, "Write one such item for each image.")
