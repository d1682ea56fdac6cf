"""The demonstration assembly: its untrained parts, and once the whole of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from emovit_train.nano import WIDTH, ZScore, project_words, start_projection, start_qformer


def test_projection_starts_as_loud_as_the_words() -> None:
    """What the Q-Former says first is about as large as the language model's own embeddings."""
    torch.manual_seed(0)
    words = torch.randn(500, 64) * 0.136
    said = start_projection(words)(torch.nn.functional.layer_norm(torch.randn(200, WIDTH), (WIDTH,)))
    assert said.pow(2).mean().sqrt().item() == pytest.approx(0.136, rel=0.1)


def test_projected_words_are_always_the_same() -> None:
    """The instruction's embedding table follows from the language model's alone, and keeps its scale."""
    words = torch.randn(500, 64) * 0.136
    table = project_words(words, 32)
    assert torch.equal(table, project_words(words, 32))
    assert table.pow(2).mean().sqrt().item() == pytest.approx(0.136, rel=0.2)


def test_each_layer_looks_at_the_image() -> None:
    """The small Q-Former has cross-attention everywhere."""
    qformer = start_qformer(vocabulary=10)
    assert [layer.has_cross_attention for layer in qformer.encoder.layer] == [True] * 4


def test_normalisation_is_per_channel() -> None:
    """Training features get mean 0 and spread 1 per channel, and a channel that is nearly silent is not blown up."""
    features = torch.randn(6, 50, 16) * 3 + 1
    features[..., 0] = 1e-6 * torch.randn(6, 50)
    scale = ZScore(16)
    scale.fit(iter(features))
    normalised = scale(features).flatten(0, 1)
    torch.testing.assert_close(normalised.mean(0), torch.zeros(16), atol=1e-5, rtol=0)
    torch.testing.assert_close(normalised[:, 1:].std(0), torch.ones(15), atol=1e-4, rtol=0)
    assert normalised[:, 0].abs().max() < 1e-5


@pytest.mark.slow
def test_nano_learns_and_reloads(run_folder: Path, tmp_path: Path) -> None:
    """The real encoder and language model: the loss falls, and the reloaded checkpoint is the same model."""
    from emovit_train.checkpoint import load_checkpoint
    from emovit_train.settings import TrainSettings
    from emovit_train.train import train

    parts = ("qformer", "query_tokens", "projection")
    told = TrainSettings(model="nano", epochs=6, batch_size=3, lr=3e-4, weight_decay=0.05, parts=parts)
    report = train(run_folder, tmp_path, told)
    assert report.loss_end < report.loss_start
    assert report.frozen_sha256_before == report.frozen_sha256_after
    assert load_checkpoint(tmp_path).spec.kind == "nano"
