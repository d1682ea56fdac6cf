"""What is minimised: the language model's surprise at the answer's tokens."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

from emovit_train.data import Row
from emovit_train.text import EncodedText, collate

if TYPE_CHECKING:
    from torch import Tensor

    from emovit_train.features import ImageFeatures
    from emovit_train.model import EmoVIT

__all__ = ["MEASURED_ROWS", "Example", "answer_losses", "encode_rows", "mean_loss"]

# Measuring reads every row once more, which large data does not need.
MEASURED_ROWS: Final = 256
MEASURED_AT_ONCE: Final = 8


@dataclass(frozen=True)
class Example:
    """A row with its tokens."""

    row: Row
    text: EncodedText


def encode_rows(model: EmoVIT, rows: Sequence[Row]) -> list[Example]:
    """Return the rows with their tokens."""
    return [Example(row, model.codec.encode(row.question, row.answer)) for row in rows]


def answer_losses(model: EmoVIT, features: ImageFeatures, examples: Sequence[Example]) -> Tensor:
    """Return -log p of every answer token and EOS of the examples: (tokens,), in nats."""
    batch = collate([example.text for example in examples], model.codec).to(model.device)
    losses: Tensor = model(
        features.batch([example.row.image for example in examples]).to(model.device), batch
    )
    return losses


@torch.no_grad()
def mean_loss(model: EmoVIT, features: ImageFeatures, examples: Sequence[Example]) -> float:
    """Return the mean loss per answer token over the examples, or over a fixed choice of many; NaN of none."""
    chosen = list(examples)
    if len(chosen) > MEASURED_ROWS:
        chosen = random.Random(0).sample(chosen, MEASURED_ROWS)
    chosen.sort(key=lambda example: example.text.length)
    starts = range(0, len(chosen), MEASURED_AT_ONCE)
    losses = [answer_losses(model, features, chosen[start : start + MEASURED_AT_ONCE]) for start in starts]
    return float(torch.cat(losses).mean()) if losses else float("nan")
