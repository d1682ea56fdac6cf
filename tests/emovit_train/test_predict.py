"""Answers and rankings against the slow ways of getting them."""

from __future__ import annotations

import pytest
import torch

from emogen.protocol import categorical_answer, categorical_question
from emovit_train.model import EmoVIT
from emovit_train.predict import generate, rank
from emovit_train.text import collate
from tests.emovit_train.conftest import LABELS


@pytest.fixture
def features(tiny_model: EmoVIT) -> torch.Tensor:
    return tiny_model.encode_images(torch.randn(1, 3, 28, 28, generator=torch.Generator().manual_seed(2)))


def test_ranking_equals_scoring_each_answer_alone(tiny_model: EmoVIT, features: torch.Tensor) -> None:
    """The shared prefix changes no score: each sum and mean is that of a forward pass of its own."""
    question, answers = categorical_question(LABELS), [categorical_answer(label) for label in LABELS]
    for scored in rank(tiny_model, features, question, answers):
        row = tiny_model.codec.encode(question, scored.answer)
        losses = tiny_model(features, collate([row], tiny_model.codec))
        assert scored.log_prob_sum == pytest.approx(-losses.sum().item(), abs=1e-4)
        assert scored.log_prob_mean == pytest.approx(-losses.mean().item(), abs=1e-4)


def test_ranking_keeps_the_order_of_the_candidates(tiny_model: EmoVIT, features: torch.Tensor) -> None:
    """Scores come in the order given, and do not depend on the company that a candidate is in."""
    both = rank(tiny_model, features, "What?", ["red", "It is blue or white."])
    alone = rank(tiny_model, features, "What?", ["red"])
    assert [scored.answer for scored in both] == ["red", "It is blue or white."]
    assert both[0].log_prob_sum == pytest.approx(alone[0].log_prob_sum, abs=1e-4)


def test_generation_is_greedy(tiny_model: EmoVIT, features: torch.Tensor) -> None:
    """The answer is the one of transformers' own greedy search."""
    batch = collate([tiny_model.codec.encode_question("What?")], tiny_model.codec)
    embeddings, mask = tiny_model.read(features, batch)
    theirs = tiny_model.language_model.generate(
        inputs_embeds=embeddings, attention_mask=mask, do_sample=False, max_new_tokens=12
    )
    ours = generate(tiny_model, features, "What?", max_new_tokens=12)
    assert ours == tiny_model.codec.decode(theirs[0].tolist())


def test_answers_do_not_depend_on_gradients(tiny_model: EmoVIT, features: torch.Tensor) -> None:
    """Asking leaves no gradient graph behind."""
    rank(tiny_model, features, "What?", ["red"])
    assert all(parameter.grad is None for parameter in tiny_model.parameters())
