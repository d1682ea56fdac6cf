"""LAVIS' own Q-Former as the judge of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from emovit_train.lavis.names import to_lavis
from emovit_train.model import EmoVIT
from emovit_train.text import TextBatch, collate
from tests.emovit_train.lavis.qformer_oracle import lavis_qformer

# Of different lengths, so that padding takes part.
ROWS = [("What?", "It is red."), ("What is in the image?", "It is blue or white.")]


@pytest.fixture
def theirs(tiny_model: EmoVIT) -> nn.Module:
    return lavis_qformer(tiny_model)


@pytest.fixture
def batch(tiny_model: EmoVIT) -> TextBatch:
    return collate([tiny_model.codec.encode(*row) for row in ROWS], tiny_model.codec)


@pytest.fixture
def features() -> Tensor:
    return torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(3))


class LavisLook(nn.Module):
    """The assembly's `qformer`, computed by LAVIS as its `Blip2VicunaInstruct.forward` calls it."""

    def __init__(self, qformer: nn.Module) -> None:
        super().__init__()
        self.qformer = qformer

    def forward(self, **inputs: Tensor) -> object:
        seen = inputs["encoder_hidden_states"]
        return self.qformer(
            inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            query_embeds=inputs["query_embeds"],
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:2]),
            return_dict=True,
        )


def test_same_output(tiny_model: EmoVIT, theirs: nn.Module, batch: TextBatch, features: Tensor) -> None:
    """With the instruction's tokens in self-attention, what the language model is shown is the same to 1e-5."""
    ours = tiny_model.look(features, batch)
    tiny_model.qformer = LavisLook(theirs)  # type: ignore[assignment]  # LAVIS' in place of transformers'
    torch.testing.assert_close(tiny_model.look(features, batch), ours, atol=1e-5, rtol=0)
    assert ours.std() > 0.1


def test_instruction_matters_to_both(tiny_model: EmoVIT, theirs: nn.Module, features: Tensor) -> None:
    """Another instruction about the same image gives another output: the agreement is not that of unread words."""
    batches = [collate([tiny_model.codec.encode(*row)] * 2, tiny_model.codec) for row in ROWS]
    for qformer in (tiny_model.qformer, LavisLook(theirs)):
        tiny_model.qformer = qformer  # type: ignore[assignment]  # the same
        first, second = (tiny_model.look(features, batch) for batch in batches)
        assert (first - second).abs().max() > 0.01


def test_same_gradients(tiny_model: EmoVIT, theirs: nn.Module, batch: TextBatch, features: Tensor) -> None:
    """The training loss through LAVIS' Q-Former has the same value and the same gradient for every weight."""
    loss = tiny_model(features, batch).mean()
    loss.backward()
    ours = {
        name: torch.zeros_like(each) if each.grad is None else each.grad.clone()
        for name, each in tiny_model.trained_tensors().items()
    }
    queries = ours.pop("query_tokens")
    tiny_model.zero_grad()
    tiny_model.qformer = LavisLook(theirs)  # type: ignore[assignment]  # the same
    their_loss = tiny_model(features, batch).mean()
    their_loss.backward()
    assert their_loss.item() == pytest.approx(loss.item(), abs=1e-5)
    assert tiny_model.query_tokens.grad is not None
    torch.testing.assert_close(tiny_model.query_tokens.grad, queries, atol=1e-5, rtol=1e-4)
    found = dict(named_gradients(theirs))
    wanted = {
        to_lavis(name, "llm").removeprefix("Qformer.bert."): gradient
        for name, gradient in ours.items()
        if name.startswith("qformer.")
    }
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-5, rtol=1e-4, msg=name)
    assert max(float(gradient.abs().max()) for gradient in wanted.values()) > 0.01


def named_gradients(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, each in module.named_parameters():
        yield name, torch.zeros_like(each) if each.grad is None else each.grad
