"""Chooses what is trained on: which instruction types in which proportion, and which portion of the images.

EmoVIT's ablations vary both (table 2: categorical, + conversation, + reasoning; table 4: 5 to 50% of the data). Who is
chosen follows from a hash of the image and the seed, so that 5% lie inside 10%, whatever else is in the file.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from emogen.comma_list import comma_list
from emogen.errors import InputError, UnknownNameError
from emovit_train.data import Row

__all__ = ["choose_portion", "choose_types", "parse_portion", "parse_types"]


def parse_types(text: str) -> dict[str, float | None]:
    """Return instruction type → weight, of `categorical,reasoning` (all rows) or `categorical=2,reasoning=1`.

    Equal weights are equal numbers.

    Raises:
        InputError: it cannot be read, or some types have a weight and others none.
    """
    types: dict[str, float | None] = {}
    for part in comma_list(text):
        name, given, weight = part.partition("=")
        types[name.strip()] = _weight(weight, part) if given else None
    if not types:
        raise InputError(
            "no instruction type", where="types", remedy="For example: categorical,conversation,reasoning"
        )
    if len({weight is None for weight in types.values()}) > 1:
        raise InputError(
            f"some types have a weight and others none: {text}",
            where="types",
            remedy="Give each a weight, as in categorical=2,reasoning=1, or none.",
        )
    return types


def _weight(text: str, part: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise InputError(
            f"no weight: {part!r}", where="types", remedy="A weight is a number above 0: categorical=2"
        )
    return weight


def choose_types(rows: Sequence[Row], types: Mapping[str, float | None], *, seed: int) -> list[Row]:
    """Return the rows of these types, in their order; with weights, as many as the scarcest type allows.

    Raises:
        UnknownNameError: the rows have no such type.
        InputError: the file does not tell types.
    """
    by_type: dict[str, list[Row]] = {}
    for row in rows:
        by_type.setdefault(row.instruction, []).append(row)
    for name in types:
        if set(by_type) == {""}:
            raise InputError(
                "these rows do not tell their instruction type",
                where="types",
                remedy="Train on the run folder or its samples.jsonl.",
            )
        if name not in by_type:
            raise UnknownNameError("instruction type", name, by_type, where="types")
    share = min((len(by_type[name]) / weight for name, weight in types.items() if weight), default=0.0)
    kept = {
        id(row)
        for name, weight in types.items()
        for row in _first(by_type[name], math.floor(share * weight + 1e-9) if weight else None, seed)
    }
    return [row for row in rows if id(row) in kept]


def _first(rows: Sequence[Row], count: int | None, seed: int) -> Sequence[Row]:
    return sorted(rows, key=lambda row: _place(row.record_id + row.question + row.answer, seed))[:count]


def parse_portion(text: str) -> float:
    """Return the share, above 0 to 1, of `10%` or `0.1`.

    Raises:
        InputError: it is none.
    """
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise InputError(f"no portion: {text!r}", where="portion", remedy="For example: 10%")
    return share


def choose_portion(rows: Sequence[Row], share: float, *, seed: int) -> list[Row]:
    """Return all rows of a share of the images, at least one, in their order; a smaller share lies inside a larger.

    Images of each emotion are drawn alike.
    """
    images: dict[str | None, set[Path]] = {}
    for row in rows:
        images.setdefault(row.emotion, set()).add(row.image)
    kept = {image for group in images.values() for image in _portion(group, share, seed)}
    return [row for row in rows if row.image in kept]


def _portion(images: Iterable[Path], share: float, seed: int) -> list[Path]:
    # By name and folder, not by where the data lies.
    ordered = sorted(images, key=lambda image: (_place("/".join(image.parts[-2:]), seed), image))
    return ordered[: math.ceil(len(ordered) * share - 1e-9)]


def _place(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()
