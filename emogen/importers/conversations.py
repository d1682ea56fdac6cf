"""Rows of `conversations`: LLaVA's, LLaMA-Factory's, and EmoVIT's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from emogen.errors import shorten
from emogen.exporters import Problem
from emogen.importers import Found
from emogen.importers.texts import image_in, name_in, pairs_in

__all__ = ["read", "read_emovit"]


def read(row: Mapping[str, Any]) -> Found | Problem:
    """Return what a row `{id, image | images, conversations: [{from, value}]}` says."""
    turns = row.get("conversations")
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        rule = f"must be a list of {{from, value}}, not {shorten(repr(turns), 40)}"
        return Problem("conversations", rule, "Name the format that it is, or mend the row.")
    image = image_in(row)
    if isinstance(image, Problem):
        return image
    pairs = pairs_in("conversations", [(turn.get("from"), turn.get("value")) for turn in turns])
    return pairs if isinstance(pairs, Problem) else Found(name_in(row), image, pairs)


def read_emovit(row: Mapping[str, Any]) -> Found | Problem:
    """Return what a row of EmoVIT's says: a number for an id is often one within a class."""
    found = read(row)
    if isinstance(found, Problem) or found.name is None:
        return found
    stem = PurePosixPath(found.image).stem
    # EmoSet numbers the images of each class, so that the whole name is what tells them apart.
    numbered = found.name.isdecimal() and stem.endswith(found.name)
    return found._replace(name=stem if numbered else found.name)
