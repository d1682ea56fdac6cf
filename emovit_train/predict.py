"""Answers about a photograph: freely, word by word, or by ranking given answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from emovit_train.text import collate, pad_right

if TYPE_CHECKING:
    from emovit_train.model import EmoVIT

__all__ = ["Ranked", "generate", "rank"]


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
def generate(model: EmoVIT, features: Tensor, question: str, *, max_new_tokens: int = 64) -> str:
    """Return the answer, the most probable token at each step until EOS.

    Args:
        model: In evaluation mode.
        features: (1, N, D) of the photograph.
        question: What is asked.
        max_new_tokens: Longest answer in tokens.
    """
    embeddings, _ = model.read(features, collate([model.codec.encode_question(question)], model.codec))
    words = model.language_model.get_input_embeddings()
    cache = None
    answer: list[int] = []
    for _ in range(max_new_tokens):
        step = model.language_model(
            inputs_embeds=embeddings, past_key_values=cache, use_cache=True, logits_to_keep=1
        )
        token = int(step.logits[0, -1].argmax())
        if token == model.codec.eos_id:
            break
        answer.append(token)
        cache = step.past_key_values
        embeddings = words(torch.tensor([[token]]))
    return model.codec.decode(answer)


@torch.no_grad()
def rank(model: EmoVIT, features: Tensor, question: str, candidates: Sequence[str]) -> list[Ranked]:
    """Score every candidate answer; photograph and question are read once for all of them.

    Args:
        model: In evaluation mode.
        features: (1, N, D) of the photograph.
        question: What is asked.
        candidates: The answers to compare.

    Returns:
        One score per candidate, in the order given.
    """
    answers = [model.codec.encode(question, candidate).answer for candidate in candidates]
    tokens = pad_right(answers, model.codec.pad_id)
    is_token = pad_right([[1] * len(answer) for answer in answers], 0)
    embeddings, mask = model.read(features, collate([model.codec.encode_question(question)], model.codec))
    prefix = model.language_model(inputs_embeds=embeddings, use_cache=True, logits_to_keep=1)
    cache = prefix.past_key_values
    cache.batch_repeat_interleave(len(answers))
    rest = model.language_model(
        input_ids=tokens[:, :-1],
        attention_mask=torch.cat([mask.expand(len(answers), -1), is_token[:, :-1]], 1),
        past_key_values=cache,
        use_cache=True,
    )
    logits = torch.cat([prefix.logits[:, -1:].expand(len(answers), -1, -1), rest.logits], 1).float()
    log_probs = logits.log_softmax(-1).gather(2, tokens[..., None])[..., 0] * is_token
    sums = log_probs.sum(1)
    return [
        Ranked(candidate, float(total), float(total) / len(answer))
        for candidate, total, answer in zip(candidates, sums, answers, strict=True)
    ]
