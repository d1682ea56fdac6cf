"""What is learnt from: made-up images and rows of the lengths that emotion instructions have."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from emovit_train.text import EncodedText

__all__ = ["KINDS", "Data", "Kind", "make_data"]

# The end of these ranges is special or stands for an image in one of the models.
_FIRST_WORD: Final = 3


@dataclass(frozen=True)
class Kind:
    """One instruction type.

    Attributes:
        tokens: What the language model reads of a row on average, 32 queries included.
        answer: How many of them are the answer's.
    """

    tokens: int
    answer: int


# Means of the paper's three types in Vicuna's tokens.
KINDS: Final = {
    "categorical": Kind(95, 8),
    "conversation": Kind(152, 60),
    "reasoning": Kind(242, 140),
}
_QUERIES: Final = 32
# A row's length lies within this share of its type's mean; categorical rows are all alike.
_SPREAD: Final = {"categorical": 0.0, "conversation": 0.35, "reasoning": 0.35}


@dataclass(frozen=True)
class Data:
    """The rows of one run.

    Attributes:
        pixels: (images, 3, side, side) float32.
        rows: One of each type for each image.
        images: The image of each row.
    """

    pixels: Tensor
    rows: list[EncodedText]
    images: list[int]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row, queries left out."""
        return [row.length for row in self.rows]

    @property
    def answer_tokens(self) -> int:
        """Tokens that are learnt."""
        return sum(len(row.answer) for row in self.rows)


def make_data(images: int, side: int, vocabulary: int, instruction_vocabulary: int, seed: int = 0) -> Data:
    """Return the rows of so many images, one of each type, in random order.

    Args:
        images: How many.
        side: Their height and width in pixels.
        vocabulary: Of the language model; its last token stands for an image.
        instruction_vocabulary: Of the Q-Former.
        seed: Of lengths and words.
    """
    rng = random.Random(seed)
    made = [
        (_row(kind, rng, vocabulary, instruction_vocabulary), image)
        for image in range(images)
        for kind in KINDS
    ]
    rng.shuffle(made)
    pixels = torch.randn(images, 3, side, side, generator=torch.Generator().manual_seed(seed))
    return Data(pixels, [row for row, _ in made], [image for _, image in made])


def _row(kind: str, rng: random.Random, vocabulary: int, instruction_vocabulary: int) -> EncodedText:
    from emovit_train.text import EncodedText

    mean = KINDS[kind]
    stretch = 1 + rng.uniform(-1, 1) * _SPREAD[kind]
    answer = max(2, round(mean.answer * stretch))
    prompt = max(4, round((mean.tokens - _QUERIES - mean.answer) * stretch))
    instruction = tuple(rng.randrange(_FIRST_WORD, instruction_vocabulary) for _ in range(prompt))
    words = [rng.randrange(_FIRST_WORD, vocabulary - 1) for _ in range(prompt + answer)]
    return EncodedText(instruction, tuple(words[:prompt]), tuple(words[prompt:]))
