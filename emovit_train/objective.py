"""What is minimised: the language model's surprise at the answer's tokens."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

from emovit_train.data import Row
from emovit_train.text import EncodedText, collate, with_context

if TYPE_CHECKING:
    from torch import Tensor

    from emovit_train.features import ImageFeatures, PoolFeatures
    from emovit_train.model import Assembly

__all__ = [
    "MEASURED_ROWS",
    "Example",
    "answer_losses",
    "asked_of",
    "cut_parts",
    "encode_rows",
    "mean_loss",
    "measured_of",
]

# Measuring reads every row once more, which large data does not need.
MEASURED_ROWS: Final = 256
MEASURED_AT_ONCE: Final = 8


@dataclass(frozen=True)
class Example:
    """A row with its tokens."""

    row: Row
    text: EncodedText


def encode_rows(model: Assembly, rows: Sequence[Row]) -> list[Example]:
    """Return the rows with their tokens; the context comes first where the model is tuned with one."""
    return [
        Example(row, model.codec.encode(asked_of(model, row.question, row.context), row.answer))
        for row in rows
    ]


def asked_of(model: Assembly, question: str, context: str | None) -> str:
    """Return what the model is asked: the question, after the context where the model is tuned with one."""
    return with_context(question, context) if model.spec.context == "caption" else question


def cut_parts(examples: Iterable[Example]) -> dict[str, int]:
    """Return part of `TextLimits` → how many rows were too long in it."""
    return dict(Counter(part for example in examples for part in example.text.cut))


def answer_losses(
    model: Assembly, features: ImageFeatures | PoolFeatures, examples: Sequence[Example]
) -> Tensor:
    """Return -log p of every answer token and EOS of the examples: (tokens,), in nats."""
    batch = collate([example.text for example in examples], model.codec).to(model.device)
    losses: Tensor = model(
        features.batch([example.row.image for example in examples]).to(model.device), batch
    )
    return losses


def measured_of(examples: Sequence[Example]) -> Sequence[Example]:
    """Return the examples that are measured: all of them, or a fixed choice of many."""
    if len(examples) <= MEASURED_ROWS:
        return examples
    return random.Random(0).sample(examples, MEASURED_ROWS)


@torch.no_grad()
def mean_loss(model: Assembly, features: ImageFeatures, examples: Sequence[Example]) -> float:
    """Return the mean loss per answer token over the examples; NaN of none."""
    chosen = sorted(examples, key=lambda example: example.text.length)
    starts = range(0, len(chosen), MEASURED_AT_ONCE)
    losses = [answer_losses(model, features, chosen[start : start + MEASURED_AT_ONCE]) for start in starts]
    return float(torch.cat(losses).mean()) if losses else float("nan")
