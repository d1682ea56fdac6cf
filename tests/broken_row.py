"""Rows with one fault, as tests of export formats need them."""

from __future__ import annotations

import copy
from typing import Any

__all__ = ["broken", "without"]


def broken(good: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a good row with `value` at `path` ("conversations.0.value")."""
    row = copy.deepcopy(good)
    *parents, last = path.split(".")
    target: Any = row
    for part in parents:
        target = target[int(part) if part.isdigit() else part]
    target[int(last) if last.isdigit() else last] = value
    return row


def without(good: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a good row that lacks a field."""
    return {name: value for name, value in good.items() if name != key}
