"""Every number against transformers' own InstructBLIP: the loss, and the gradient of everything that is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from emovit_train.model import EmoVIT
from emovit_train.text import collate
from tests.emovit_train.reference import reference_inputs, reference_model, reference_step

ROWS = [
    ("What?", "It is red."),
    ("What is in the image?", "It is blue or white."),
    ("What is it?", "red"),
]


def pixels(count: int) -> Tensor:
    return torch.randn(count, 3, 28, 28, generator=torch.Generator().manual_seed(1))


def gradients(model: EmoVIT) -> dict[str, Tensor]:
    return {
        name: torch.zeros_like(each) if each.grad is None else each.grad.clone()
        for name, each in model.trained_tensors().items()
    }


def assert_same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, atol=1e-5, rtol=1e-5, msg=name)
    assert max(float(gradient.abs().max()) for gradient in theirs.values()) > 0.01


def test_loss_and_every_gradient_are_those_of_transformers(either_model: EmoVIT, either_folder: Path) -> None:
    """On the same weights and tokens, loss and gradients equal InstructBlipForConditionalGeneration's to 1e-5."""
    batch = collate([either_model.codec.encode(*row) for row in ROWS], either_model.codec)
    loss, theirs = reference_step(either_folder, pixels(3), batch)
    either_model.train()
    ours = either_model(either_model.encode_images(pixels(3)), batch).mean()
    ours.backward()
    assert ours.item() == pytest.approx(loss, abs=1e-5)
    assert_same(gradients(either_model), theirs)


def test_kept_features_change_nothing(either_model: EmoVIT, either_folder: Path) -> None:
    """Features computed one by one, kept, and batched later give the same loss and gradients."""
    batch = collate([either_model.codec.encode(*row) for row in ROWS], either_model.codec)
    loss, theirs = reference_step(either_folder, pixels(3), batch)
    kept = torch.cat([either_model.encode_images(each[None]) for each in pixels(3)])
    ours = either_model(kept, batch).mean()
    ours.backward()
    assert ours.item() == pytest.approx(loss, abs=1e-5)
    assert_same(gradients(either_model), theirs)


def test_padding_changes_no_row(either_model: EmoVIT) -> None:
    """A row's losses are the same alone and beside longer rows."""
    features = either_model.encode_images(pixels(3))
    rows = [either_model.codec.encode(*row) for row in ROWS]
    alone = [
        either_model(features[n : n + 1], collate([row], either_model.codec)) for n, row in enumerate(rows)
    ]
    together = either_model(features, collate(rows, either_model.codec))
    torch.testing.assert_close(torch.cat(alone), together, atol=1e-5, rtol=0)


def test_left_padding_would_change_the_loss(tiny_model: EmoVIT, tiny_folder: Path) -> None:
    """Why rows are padded on the right: moved to the other side, transformers' loss is another one."""
    theirs = reference_model(tiny_folder)
    batch = collate([tiny_model.codec.encode(*row) for row in ROWS], tiny_model.codec)
    inputs = reference_inputs(theirs, pixels(3), batch)
    right = theirs(**inputs).loss.item()
    texts = ("input_ids", "attention_mask", "labels")
    order = inputs["attention_mask"][:, 4:].argsort(dim=1, stable=True) + 4
    for name in texts:
        inputs[name][:, 4:] = inputs[name].gather(1, order)
    assert abs(theirs(**inputs).loss.item() - right) > 1e-3


def test_language_model_has_no_dropout_in_training(tiny_t5_folder: Path) -> None:
    """A T5 in training mode would drop out a tenth; ours stays in evaluation mode, and gives the same loss twice."""
    from tests.emovit_train.conftest import assemble_tiny

    model = assemble_tiny(tiny_t5_folder).train()
    batch = collate([model.codec.encode(*row) for row in ROWS], model.codec)
    features = model.encode_images(pixels(3))
    assert torch.equal(model(features, batch), model(features, batch))
    model.language_model.train()
    assert not torch.equal(model(features, batch), model(features, batch))


def test_t5_keeps_its_two_embedding_tables(tiny_t5_folder: Path) -> None:
    """Output layer and embeddings stay two tensors, as saved, and the decoder's output is not scaled."""
    from tests.emovit_train.conftest import assemble_tiny

    language_model = assemble_tiny(tiny_t5_folder).language_model
    assert not torch.equal(language_model.lm_head.weight, language_model.shared.weight)
    assert torch.equal(
        language_model.lm_head.weight, reference_model(tiny_t5_folder).language_model.lm_head.weight
    )
    assert not language_model.config.scale_decoder_outputs
