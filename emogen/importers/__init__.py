"""Instruction files back into samples: one form of rows a file, whoever wrote them.

Another package adds a format by one line under `[project.entry-points."emogen.importers"]`; a format of this name must
be among `emogen.exporters.EXPORTERS`, which knows how its files lie on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from emogen.exporters import Problem
from emogen.registry import Registry
from emogen.schemas import TurnKind

__all__ = ["IMPORTERS", "Found", "Pair", "RowReader"]


class Pair(NamedTuple):
    """One question and its answer, without marks of the picture."""

    question: str
    answer: str


class Found(NamedTuple):
    """What one row says.

    Attributes:
        name: What the row calls itself or its record; None where nothing tells it from others.
        image: The path of its image.
        pairs: Questions and answers, at least one.
        instruction: The instruction type, where the row names it otherwise than by `name`.
        kinds: The kind of each pair, where the row says it.
        emotion: The emotion, where the row says it beside its texts.
    """

    name: str | None
    image: str
    pairs: tuple[Pair, ...]
    instruction: str | None = None
    kinds: tuple[TurnKind, ...] | None = None
    emotion: str | None = None


# Returns what a row says, or why it cannot become a sample.
RowReader = Callable[[Mapping[str, Any]], Found | Problem]

IMPORTERS: Final[Registry[RowReader]] = Registry(
    "format that can be imported",
    "emogen.importers",
    {
        "emovit": "emogen.importers.conversations:read_emovit",
        "imagefolder": "emogen.importers.columns:read",
        "instructblip": "emogen.importers.annotations:read",
        "lavis-llava": "emogen.importers.conversations:read",
        "llava": "emogen.importers.conversations:read",
        "messages": "emogen.importers.messages:read",
        "parquet": "emogen.importers.columns:read",
        "sharegpt": "emogen.importers.conversations:read",
        "webdataset": "emogen.importers.columns:read",
    },
)
