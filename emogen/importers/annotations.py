"""Rows of VQA annotations, as LAVIS reads them for InstructBLIP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from emogen.exporters import Problem
from emogen.importers import Found
from emogen.importers.texts import image_in, pairs_in

__all__ = ["read"]

# How our own rows name the instruction type.
_OURS: Final = "emogen-"


def read(row: Mapping[str, Any]) -> Found | Problem:
    """Return what a row `{question, image, answer: [str], dataset}` says; of several answers, the most frequent."""
    image = image_in(row)
    if isinstance(image, Problem):
        return image
    pairs = pairs_in("question", [("user", row.get("question")), ("assistant", _answer(row.get("answer")))])
    if isinstance(pairs, Problem):
        return pairs
    dataset = row.get("dataset")
    if not isinstance(dataset, str) or not dataset.startswith(_OURS):
        return Found(None, image, pairs)
    return Found(None, image, pairs, dataset.removeprefix(_OURS))


def _answer(answers: object) -> object:
    if not isinstance(answers, list):
        return answers
    said = Counter(answer for answer in answers if isinstance(answer, str))
    # Of those said as often, the first.
    return said.most_common(1)[0][0] if said else None
