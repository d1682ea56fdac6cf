"""The assembly against transformers' own InstructBLIP, and what it trains."""

from __future__ import annotations

from pathlib import Path

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


def test_loss_is_that_of_transformers(tiny_model: EmoVIT, tiny_folder: Path) -> None:
    """On the same weights and tokens, our loss is the one of InstructBlipForConditionalGeneration to 1e-5."""
    from transformers import InstructBlipForConditionalGeneration

    theirs = InstructBlipForConditionalGeneration.from_pretrained(tiny_folder).eval()
    batch = collate([tiny_model.codec.encode(*row) for row in ROWS], tiny_model.codec)
    images = torch.full((len(ROWS), QUERIES), theirs.config.image_token_id)
    unmarked = torch.full_like(images, -100)
    expected = theirs(
        pixel_values=pixels(2),
        qformer_input_ids=batch.instruction_ids,
        qformer_attention_mask=batch.instruction_mask,
        input_ids=torch.cat([images, batch.input_ids], 1),
        attention_mask=torch.cat([torch.ones_like(images), batch.attention_mask], 1),
        labels=torch.cat([unmarked, batch.input_ids.where(batch.is_answer, -100)], 1),
    ).loss
    ours = tiny_model(tiny_model.encode_images(pixels(2)), batch).mean()
    assert ours.item() == pytest.approx(expected.item(), abs=1e-5)


def test_loss_counts_answer_tokens_and_eos_only(tiny_model: EmoVIT) -> None:
    """There is one loss per answer token and EOS, and it is minus that token's log-probability."""
    row = tiny_model.codec.encode(*ROWS[0])
    batch = collate([row], tiny_model.codec)
    features = tiny_model.encode_images(pixels(1))
    losses = tiny_model(features, batch)
    embeddings, mask = tiny_model.read(features, batch)
    log_probs = (
        tiny_model.language_model(inputs_embeds=embeddings, attention_mask=mask).logits[0].log_softmax(-1)
    )
    first = QUERIES + len(row.prompt)
    expected = [-log_probs[first + number - 1, token].item() for number, token in enumerate(row.answer)]
    assert losses.tolist() == pytest.approx(expected, abs=1e-5)


def test_padding_does_not_change_the_loss(tiny_model: EmoVIT) -> None:
    """A row's losses are the same alone and beside a longer row."""
    features = tiny_model.encode_images(pixels(2))
    rows = [tiny_model.codec.encode(*row) for row in ROWS]
    alone = tiny_model(features[:1], collate(rows[:1], tiny_model.codec))
    together = tiny_model(features, collate(rows, tiny_model.codec))[: len(alone)]
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)


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


def test_normalisation_is_per_channel(tiny_model: EmoVIT) -> None:
    """Where an assembly asks for it, training features get mean 0 per channel; elsewhere nothing changes."""
    features = torch.randn(6, 5, 16) * 3 + 1
    tiny_model.fit_normalisation(features)
    assert tiny_model.feature_mean.abs().sum() == 0
    tiny_model.normalise = True
    tiny_model.fit_normalisation(features)
    torch.testing.assert_close(tiny_model.feature_mean, features.flatten(0, 1).mean(0))
