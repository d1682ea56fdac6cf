"""Which emotion a categorical answer names, and which labels its question lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from emogen.importers import Pair
from emogen.labels import DEFAULT_LABEL_SET, LABEL_SETS

__all__ = ["Named", "emotion_in", "named_beside"]

# The paper's "Predict emotion: awe.", the evaluation's "Predicted emotion: awe", and a label alone.
_ANSWER: Final = re.compile(
    r"\s*(?P<form>predict(?:ed)?\s+emotion\s*:)?\s*(?P<label>[^.:\n]{1,40}?)\s*\.?\s*", re.IGNORECASE
)
_OPTIONS: Final = re.compile(r"\boptions\s*:\s*(?P<list>[^.:?\n]+)", re.IGNORECASE)
_BETWEEN: Final = re.compile(r"\s*,\s*(?:(?:and|or)\s+)?|\s+(?:and|or)\s+")


class Named(NamedTuple):
    """An emotion, and the labels that it was chosen from."""

    emotion: str
    labels: tuple[str, ...]


def emotion_in(pair: Pair, labels: Sequence[str] | None) -> Named | None:
    """Return the emotion that an answer gives in a categorical form; None where it is another kind of answer.

    A label alone counts where the question lists it among its options, or `labels` or a known label set has it.

    Args:
        pair: A question and its answer.
        labels: The label set of the data, where the user named one.
    """
    found = _ANSWER.fullmatch(pair.answer)
    if found is None:
        return None
    said = found["label"].lower()
    for known in (labels, _listed(pair.question)):
        spelled = {label.lower(): label for label in known or ()}
        if said in spelled:
            return Named(spelled[said], tuple(known or ()))
    if labels is None:
        for known in (LABEL_SETS[DEFAULT_LABEL_SET], *LABEL_SETS.values()):
            if said in known:
                return Named(said, known)
    return Named(found["label"], (found["label"],)) if found["form"] else None


def named_beside(emotion: str, labels: Sequence[str] | None) -> Named:
    """Return an emotion that stands beside a row's texts, with `labels` or the first known label set that has it."""
    for known in (labels, LABEL_SETS[DEFAULT_LABEL_SET], *LABEL_SETS.values()):
        spelled = {label.lower(): label for label in known or ()}
        if known and emotion.lower() in spelled:
            return Named(spelled[emotion.lower()], tuple(known))
    return Named(emotion, (emotion,))


def _listed(question: str) -> tuple[str, ...] | None:
    found = _OPTIONS.search(question)
    if found is None:
        return None
    listed = tuple(part.strip() for part in _BETWEEN.split(found["list"].strip()) if part.strip())
    return listed if len(listed) > 1 and len(set(listed)) == len(listed) else None
