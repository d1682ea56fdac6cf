"""Rows of `messages`, as TRL and chat models take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emogen.errors import shorten
from emogen.exporters import Problem
from emogen.importers import Found, Pair
from emogen.importers.texts import image_in, name_in, pairs_in

__all__ = ["pairs_of", "read"]


def read(row: Mapping[str, Any]) -> Found | Problem:
    """Return what a row `{id, images, messages: [{role, content}]}` says; a content is text or a list of items."""
    pairs = pairs_of(row)
    if isinstance(pairs, Problem):
        return pairs
    image = image_in(row)
    return image if isinstance(image, Problem) else Found(name_in(row), image, pairs)


def pairs_of(row: Mapping[str, Any]) -> tuple[Pair, ...] | Problem:
    """Return the questions and answers in a row's `messages`."""
    messages = row.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        rule = f"must be a list of {{role, content}}, not {shorten(repr(messages), 40)}"
        return Problem("messages", rule, "Name the format that it is, or mend the row.")
    said = [(message.get("role"), _text_of(message.get("content"))) for message in messages]
    return pairs_in("messages", said)


def _text_of(content: object) -> object:
    if not isinstance(content, list):
        return content
    items = [item for item in content if isinstance(item, dict)]
    texts = [item.get("text") for item in items if item.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str))
