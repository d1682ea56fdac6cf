"""EmoSet's closed value sets, and how each value is said in English."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from emogen.resources import data_file

__all__ = ["Wording", "value_set", "wording"]


@dataclass(frozen=True)
class Wording:
    """How the values of an attribute are put to a model that compares images with texts.

    Attributes:
        templates: Sentences with `{}` for a value.
        absent: Sentences that say that none of the values is there.
        threshold: The least share (0 to 1) of a value among all values and `absent`.
        words: Value → words, where the value is not English as it stands.
    """

    templates: tuple[str, ...]
    absent: tuple[str, ...]
    threshold: float
    words: dict[str, str]

    def said(self, value: str) -> str:
        """Return a value in words: `fire_station` as "fire station"."""
        plain = re.sub(r"\s*\(.*?\)", "", value).replace("_", " ").replace("/", " ").strip()
        return self.words.get(value, plain if plain.isupper() else plain.lower())

    def sentences(self, value: str) -> list[str]:
        """Return a sentence for each template."""
        words = self.said(value)
        return [template.replace("{}", words) for template in self.templates]


@cache
def value_set(attribute: str) -> tuple[str, ...]:
    """Return the values of an attribute as records have them: EmoSet's own, without spaces around."""
    return tuple(value.strip() for value in _table("emoset_vocabularies.toml")[attribute])


@cache
def wording(field: str) -> Wording:
    """Return how the values of an attribute, or emotions, are said."""
    table = _table("zero_shot.toml")[field]
    return Wording(
        tuple(table["templates"]), tuple(table["absent"]), table["threshold"], table.get("words", {})
    )


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(data_file(name).read_text(encoding="utf-8"))
