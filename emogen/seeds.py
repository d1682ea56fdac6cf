"""The hand-written examples of an instruction type, and how a record gets its own few of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emogen.errors import InputError, shorten
from emogen.schemas import Attributes, Turn

__all__ = [
    "DEFAULT_EXAMPLES",
    "Seed",
    "attribute_texts",
    "plain_words",
    "read_models",
    "read_seeds",
    "seeded_choice",
]

M = TypeVar("M", bound=BaseModel)

# How many examples a prompt shows where nobody says otherwise.
DEFAULT_EXAMPLES: Final = 2

ATTRIBUTE_NAMES: Final = {
    "brightness": "Brightness",
    "colorfulness": "Colorfulness",
    "scene": "Scene",
    "object": "Objects",
    "facial_expression": "Facial expression",
    "human_action": "Human action",
}


class Seed(BaseModel):
    """One hand-written example of an instruction type, shown to the model in context."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    caption: str
    emotion: str
    attributes: Attributes = Attributes()
    turns: tuple[Turn, ...] = Field(min_length=1)


def seeded_choice(key: str, count: int, pool: int) -> list[int]:
    """Choose `count` of `range(pool)` by a hash of `key`: the same on every machine, after every resume."""

    def rank(i: int) -> bytes:
        return hashlib.sha256(f"{key}\0{i}".encode("utf-8", "surrogatepass")).digest()

    return sorted(range(pool), key=rank)[:count]


def attribute_texts(attributes: Attributes) -> dict[str, str]:
    """Return display name → text of the attributes that are there, in the paper's order."""
    texts = {}
    for field, name in ATTRIBUTE_NAMES.items():
        value = getattr(attributes, field)
        if isinstance(value, float):
            texts[name] = str(round(value, 2))
        elif isinstance(value, str):
            texts[name] = plain_words(value)
        elif value:
            texts[name] = ", ".join(map(plain_words, value))
    return texts


def plain_words(value: str) -> str:
    """Write a name of a closed vocabulary (Places365's "train_station") as words."""
    return value.replace("_", " ").strip()


def read_models(path: Path, model: type[M]) -> Iterator[M]:
    """Yield the models of a JSON Lines file; blank lines do not count."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=path) from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield model.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise InputError(
                f"{field + ': ' if field else ''}{shorten(first['msg'])}",
                where=f"{path}:{number}",
                remedy="Mend this line.",
            ) from error


def read_seeds(path: Path) -> Iterator[Seed]:
    """Yield the seed examples of a file.

    Raises:
        InputError: a line is no seed example, or two have the same id.
    """
    seen: set[str] = set()
    for seed in read_models(path, Seed):
        if seed.id in seen:
            raise InputError(
                f"two seed examples have the id {seed.id!r}", where=path, remedy="Give each its own."
            )
        seen.add(seed.id)
        yield seed
