"""The emotion label sets of the field, each in the order in which its options are listed.

The order matters: it is the order of the options in the categorical question.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from emogen.errors import InputError, UnknownNameError

__all__ = ["DEFAULT_LABEL_SET", "LABEL_SETS", "label_set"]

DEFAULT_LABEL_SET: Final = "mikels-8"

LABEL_SETS: Final[dict[str, tuple[str, ...]]] = {
    # Mikels et al. 2005; EmoSet, FI, ArtPhoto, Abstract, IAPSa. Alphabetical, as in the paper's Figure 10.
    "mikels-8": (
        "amusement",
        "anger",
        "awe",
        "contentment",
        "disgust",
        "excitement",
        "fear",
        "sadness",
    ),
    # Ekman 1992; Emotion6 and EmotionROI.
    "ekman-6": ("anger", "disgust", "fear", "joy", "sadness", "surprise"),
    # Panda et al. 2018, UnbiasedEmo.
    "unbiased-6": ("anger", "fear", "joy", "love", "sadness", "surprise"),
    # Panda et al. 2018, WEBEmo: three levels, in the order of the authors' file; two names are spelt right here.
    "webemo-25": (
        "affection",
        "cheerfulness",
        "confusion",
        "contentment",
        "disappointment",
        "disgust",
        "enthrallment",
        "envy",
        "exasperation",
        "gratitude",
        "horror",
        "irritability",
        "lust",
        "neglect",
        "nervousness",
        "optimism",
        "pride",
        "rage",
        "relief",
        "sadness",
        "shame",
        "suffering",
        "surprise",
        "sympathy",
        "zest",
    ),
    "webemo-7": ("love", "joy", "confusion", "sadness", "anger", "fear", "surprise"),
    "webemo-2": ("positive", "negative"),
    # Plutchik 1980; EmoTag1200.
    "plutchik-8": (
        "anger",
        "anticipation",
        "disgust",
        "fear",
        "joy",
        "sadness",
        "surprise",
        "trust",
    ),
}


def label_set(text: str | Sequence[str]) -> tuple[str, ...]:
    """Read a label set: a known name (`mikels-8`), a comma-separated list, or a sequence of labels.

    Raises:
        UnknownNameError: `text` is a single word that names no label set.
        InputError: fewer than two labels, an empty one, or one given twice.
    """
    if isinstance(text, str):
        if text in LABEL_SETS:
            return LABEL_SETS[text]
        if "," not in text:
            raise UnknownNameError("label set", text, LABEL_SETS)
        labels = tuple(part.strip() for part in text.split(","))
    else:
        labels = tuple(text)
    if len(labels) < 2 or not all(labels):
        raise InputError(
            f"a label set needs at least two labels, none of them empty; got {list(labels)}",
            remedy="Give them as --labels joy,anger,fear or by a known name: " + ", ".join(LABEL_SETS) + ".",
        )
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise InputError(f"labels given twice: {', '.join(twice)}", remedy="Name each label once.")
    return labels
