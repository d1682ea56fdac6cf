"""Lists as options say them: names separated by commas."""

from __future__ import annotations

from typing import Any

__all__ = ["comma_list", "list_of_texts"]


def comma_list(text: str) -> list[str]:
    """Return the parts between the commas, without the space around them; empty ones are passed over."""
    return [part.strip() for part in text.split(",") if part.strip()]


def list_of_texts(value: Any) -> Any:
    """Take a comma-separated text for the list that it stands for; anything else is for pydantic to judge."""
    return comma_list(value) if isinstance(value, str) else value
