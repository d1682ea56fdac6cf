"""Other words for labels, which a lenient reading of an answer takes for them.

A word stands for a label only where it is no label itself: `rage` means anger among Mikels's eight, and is one of
WEBEmo's twenty-five. Only inflections and plain synonyms are here, so that nobody's score lives from generous reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

__all__ = ["IDIOMS", "variants_of"]

_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "affection": ("affectionate", "fondness"),
    "amusement": ("amused", "amusing", "funny", "amuse", "amuses"),
    "anger": ("angry", "rage", "furious", "fury", "angered"),
    "awe": ("awed", "amazement", "wonder", "awe-inspiring", "awestruck", "awe-struck"),
    "cheerfulness": ("cheerful", "cheerfullness"),
    "confusion": ("confused", "confusing"),
    "contentment": ("content", "contented", "contentedness", "contendment"),
    "disappointment": ("disappointed", "disappointing"),
    "disgust": ("disgusted", "disgusting"),
    "enthrallment": ("enthralled", "enthralling", "enthralment"),
    "envy": ("envious",),
    "exasperation": ("exasperated", "exasperating"),
    "excitement": ("excited", "exciting", "excite", "excites"),
    "fear": ("afraid", "scared", "fearful", "scary", "frightened", "frightening"),
    "gratitude": ("grateful", "thankful", "thankfulness"),
    "horror": ("horrified", "horrifying"),
    "irritability": ("irritable", "irritabilty", "irritated", "irritation"),
    "joy": ("happy", "happiness", "joyful", "joyous"),
    "love": ("loving",),
    "lust": ("lustful",),
    "neglect": ("neglected",),
    "negative": (),
    "nervousness": ("nervous",),
    "neutral": (),
    "optimism": ("optimistic",),
    "positive": (),
    "pride": ("proud",),
    "rage": ("enraged", "raging"),
    "relief": ("relieved",),
    "sadness": ("sad", "sorrow", "sorrowful"),
    "shame": ("ashamed", "shameful"),
    "suffering": ("suffers", "suffer"),
    "surprise": ("surprised", "surprising"),
    "sympathy": ("sympathetic",),
    "zest": ("zestful",),
}

# Phrases that hold such a word and say nothing of an emotion; they are taken out before words are looked for.
IDIOMS: Final[tuple[str, ...]] = (
    "i am afraid",
    "i'm afraid",
    "no wonder",
    "wonder if",
    "wonder whether",
    "the content",
    "content of",
    "visual content",
    "image content",
    "picture's content",
    "image's content",
    "would love to",
    "i'd love to",
    "no doubt",
    "without doubt",
    "without a doubt",
    "without any doubt",
    "cannot help but",
    "can't help but",
    "not only",
    "not surprisingly",
    "needless to say",
)


@cache
def _variants(labels: tuple[str, ...]) -> dict[str, str]:
    names = {label.casefold() for label in labels}
    found: dict[str, str] = {}
    for label in labels:
        for word in _WORDS.get(label.casefold(), ()):
            if word not in names:
                # A word of two labels of the set is a sign of neither.
                found[word] = "" if found.get(word, label) != label else label
    return {word: label for word, label in found.items() if label}


def variants_of(labels: Sequence[str]) -> dict[str, str]:
    """Return word → label, in lower case, of the words that stand for one label of this set."""
    return _variants(tuple(labels))
