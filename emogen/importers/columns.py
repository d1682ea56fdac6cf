"""Rows of a column for each thing, as image folders, Parquet files and tar shards hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from emogen.exporters import Problem
from emogen.importers import Found, Pair
from emogen.importers.messages import pairs_of
from emogen.importers.texts import image_in, name_in, pairs_in
from emogen.schemas import TurnKind

__all__ = ["read"]

_KINDS: Final = get_args(TurnKind)


def read(row: Mapping[str, Any]) -> Found | Problem:
    """Return what a row `{id, image | file_name, question, answer, kind | messages, kinds, emotion}` says."""
    image = image_in({"image": row["file_name"]} if "file_name" in row else row)
    if isinstance(image, Problem):
        return image
    pairs = _pairs(row)
    if isinstance(pairs, Problem):
        return pairs
    emotion = row.get("emotion")
    return Found(
        name_in(row),
        image,
        pairs,
        kinds=_kinds(row, len(pairs)),
        emotion=emotion if isinstance(emotion, str) and emotion.strip() else None,
    )


def _pairs(row: Mapping[str, Any]) -> tuple[Pair, ...] | Problem:
    if "question" in row:
        return pairs_in("question", [("user", row["question"]), ("assistant", row.get("answer"))])
    return pairs_of(row)


def _kinds(row: Mapping[str, Any], count: int) -> tuple[TurnKind, ...] | None:
    """Return the kinds of the turns, where the row says all of them, in our words."""
    said = [row["kind"]] if "kind" in row else row.get("kinds")
    if not isinstance(said, list) or len(said) != count or not all(kind in _KINDS for kind in said):
        return None
    return tuple(said)
