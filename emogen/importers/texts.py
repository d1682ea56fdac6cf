"""What all forms of rows have in common: names, images and texts, or why they cannot be taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from emogen.errors import shorten
from emogen.exporters import Problem
from emogen.exporters.images import check_image, image_path
from emogen.exporters.text import IMAGE_TOKEN, check_unicode
from emogen.importers import Pair

__all__ = ["image_in", "name_in", "pairs_in"]

_USERS: Final = ("human", "user")
_MODELS: Final = ("gpt", "assistant")
_TOKEN_LINES: Final = (f"{IMAGE_TOKEN}\n", f"\n{IMAGE_TOKEN}")


def name_in(row: Mapping[str, Any]) -> str | None:
    """Return the row's `id`, be it text or a number; None where it has none."""
    name = row.get("id")
    if isinstance(name, bool) or not isinstance(name, str | int):
        return None
    return str(name).strip() or None


def image_in(row: Mapping[str, Any]) -> str | Problem:
    """Return the path of the row's only image, from `image` or `images`."""
    field, value = ("images", row["images"]) if "images" in row else ("image", row.get("image"))
    if isinstance(value, list):
        if len(value) != 1:
            return Problem(field, f"must be one image, not {len(value)}", "Leave the row out, or split it.")
        value = value[0]
    if isinstance(value, dict):
        value = value.get("path")
    if value is None:
        return Problem(field, "must name an image: a sample is about one", "Leave rows of text alone out.")
    if isinstance(value, str):
        value = image_path(value)
    problem = next(check_image(value, field), None)
    return problem if problem is not None else str(value)


def pairs_in(field: str, turns: Sequence[tuple[object, object]]) -> tuple[Pair, ...] | Problem:
    """Return the questions and answers of a dialogue, a system's turn before it left aside.

    Args:
        field: Where the turns stand in the row.
        turns: Who speaks, and what is said.
    """
    begin = int(bool(turns) and turns[0][0] == "system")
    said: list[str] = []
    for index, (role, text) in enumerate(turns[begin:], begin):
        wanted = _MODELS if (index - begin) % 2 else _USERS
        if role not in wanted:
            rule = f"must be said by {' or '.join(wanted)}, not {shorten(repr(role), 40)}"
            return Problem(f"{field}[{index}]", rule, "Let question and answer take turns.")
        if isinstance(text, str) and index == begin:
            text = _without_token(text)
        if not isinstance(text, str) or not text.strip():
            rule = f"must be text, not {shorten(repr(text), 40)}"
            return Problem(f"{field}[{index}]", rule, "Write it, or leave the row out.")
        if problem := next(check_unicode(f"{field}[{index}]", text), None):
            return problem
        said.append(text)
    if not said or len(said) % 2:
        rule = f"must be questions with an answer each, not {len(said)} turns"
        return Problem(field, rule, "Add the missing turn, or take the odd one out.")
    return tuple(Pair(*pair) for pair in zip(said[::2], said[1::2], strict=True))


def _without_token(text: str) -> str:
    """Return a question without the picture's mark and the one line's end that parts them."""
    before, after = _TOKEN_LINES
    if text.startswith(before):
        return text.removeprefix(before)
    if text.endswith(after):
        return text.removesuffix(after)
    return text.replace(IMAGE_TOKEN, "").strip() if IMAGE_TOKEN in text else text
