"""The assembly against transformers' own InstructBLIP, and what it trains."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from emogen.errors import UnknownNameError
from emovit_train.model import EmoVIT
from emovit_train.text import collate
from tests.emovit_train.conftest import QUERIES

ROWS = [("What?", "It is red."), ("What is in the image?", "It is blue or white.")]


def pixels(count: int) -> Tensor:
    return torch.randn(count, 3, 28, 28, generator=torch.Generator().manual_seed(1))


def test_loss_counts_answer_tokens_and_eos_only(tiny_model: EmoVIT) -> None:
    """There is one loss per answer token and EOS, and it is minus that token's log-probability."""
    row = tiny_model.codec.encode(*ROWS[0])
    batch = collate([row], tiny_model.codec)
    features = tiny_model.encode_images(pixels(1))
    losses = tiny_model(features, batch)
    seen = tiny_model.look(features, batch)
    words = tiny_model.language_model.get_input_embeddings()(batch.row_ids)
    log_probs = tiny_model.language_model(inputs_embeds=torch.cat([seen, words], 1)).logits[0].log_softmax(-1)
    first = QUERIES + len(row.prompt)
    expected = [-log_probs[first + number - 1, token].item() for number, token in enumerate(row.answer)]
    assert losses.tolist() == pytest.approx(expected, abs=1e-5)


def test_image_and_instruction_reach_the_language_model(tiny_model: EmoVIT) -> None:
    """Another photograph, or another instruction, gives the language model something else to see."""
    features = tiny_model.encode_images(pixels(2))
    batch = collate([tiny_model.codec.encode_question("What?")] * 2, tiny_model.codec)
    other = collate([tiny_model.codec.encode_question("the image")] * 2, tiny_model.codec)
    seen = tiny_model.look(features, batch)
    assert not torch.allclose(seen[0], seen[1], atol=1e-4)
    assert not torch.allclose(seen, tiny_model.look(features, other), atol=1e-4)


def test_parts_to_train_are_a_choice(tiny_model: EmoVIT) -> None:
    """Only the parts named are trained, and an unknown name is refused with the known ones."""
    tiny_model.set_trained(["projection"])
    assert set(tiny_model.trained_tensors()) == {"projection.weight", "projection.bias"}
    with pytest.raises(UnknownNameError, match="query_tokens"):
        tiny_model.set_trained(["query_token"])


def test_frozen_parts_never_enter_training_mode(tiny_model: EmoVIT) -> None:
    """`train()` switches the Q-Former only."""
    tiny_model.train()
    assert tiny_model.qformer.training
    assert not tiny_model.language_model.training
    assert not tiny_model.image_encoder.training


def test_checkpoint_fits_nothing(tiny_model: EmoVIT) -> None:
    """An InstructBLIP assembly has its own trained normalisation, and takes none from the photographs."""
    before = {name: tensor.clone() for name, tensor in tiny_model.state_dict().items()}
    photographs = (pytest.fail("a photograph was looked at") for _ in range(6))
    tiny_model.fit_normalisation(photographs)
    assert tiny_model.fitted_tensors() == {}
    assert all(torch.equal(tensor, before[name]) for name, tensor in tiny_model.state_dict().items())
