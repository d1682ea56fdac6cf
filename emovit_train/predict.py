"""Answers about photographs: freely, word by word, or by ranking given answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from emovit_train.decoding import GREEDY, Decoding
from emovit_train.text import TextBatch, collate

if TYPE_CHECKING:
    from emovit_train.model import Assembly

__all__ = ["Ranked", "generate", "rank"]

# A prompt alone is computed to the same bits wherever it stands; in company, sums are added in another order, and an
# answer may turn where two words are about as probable.
ANSWERED_AT_ONCE: Final = 1
RANKED_AT_ONCE: Final = 8


@dataclass(frozen=True)
class Ranked:
    """One candidate answer with its score.

    Attributes:
        answer: The candidate.
        log_prob_sum: log p of all its tokens and EOS; favours short answers.
        log_prob_mean: The same per token.
    """

    answer: str
    log_prob_sum: float
    log_prob_mean: float


@torch.no_grad()
def generate(
    model: Assembly,
    features: Tensor,
    questions: Sequence[str],
    *,
    decoding: Decoding = GREEDY,
    at_once: int = ANSWERED_AT_ONCE,
) -> list[str]:
    """Return an answer to each question.

    Args:
        model: In evaluation mode.
        features: (questions, N, D), of the photograph that each question is about.
        questions: What is asked.
        decoding: How; greedily by default.
        at_once: Questions per batch. More are quicker, and answers may then depend on their company.
    """
    return [
        model.codec.decode(said)
        for part, batch in _asked(model, features, questions, at_once)
        for said in model.language.generate(model.look(part, batch), batch, **decoding.options())
    ]


@torch.no_grad()
def rank(
    model: Assembly,
    features: Tensor,
    questions: Sequence[str],
    candidates: Sequence[str],
    *,
    at_once: int = RANKED_AT_ONCE,
) -> list[list[Ranked]]:
    """Score every candidate answer to every question; image and question are read once for all candidates.

    Args:
        model: In evaluation mode.
        features: (questions, N, D), of the photograph that each question is about.
        questions: What is asked.
        candidates: The answers to compare, the same for all questions.
        at_once: Questions per batch.

    Returns:
        For each question one score per candidate, in the order given.
    """
    answers = [model.codec.encode("", candidate).answer for candidate in candidates]
    return [
        [
            Ranked(candidate, total, total / len(answer))
            for candidate, total, answer in zip(candidates, row, answers, strict=True)
        ]
        for part, batch in _asked(model, features, questions, at_once)
        for row in model.language.score(model.look(part, batch), batch, answers).tolist()
    ]


def _asked(
    model: Assembly, features: Tensor, questions: Sequence[str], at_once: int
) -> Iterator[tuple[Tensor, TextBatch]]:
    rows = [model.codec.encode_question(question) for question in questions]
    for start in range(0, len(rows), at_once):
        here = slice(start, start + at_once)
        yield features[here].to(model.device), collate(rows[here], model.codec).to(model.device)
