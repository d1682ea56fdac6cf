"""benchmarks/training: what its arms are compared by."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks.training.arithmetic import work_of
from benchmarks.training.arms import ARMS, Pass
from benchmarks.training.rows import KINDS, make_data
from benchmarks.training.shapes import SHAPES, assembly, plain_model

torch.set_num_threads(1)


def passes(shape: str, arms: list[str]) -> dict[str, Pass]:
    model = plain_model(SHAPES[shape], torch.device("cpu"), torch.float32)
    ours = assembly(model, SHAPES[shape])
    data = make_data(4, 28, 512, 1000)
    standing_still = torch.optim.SGD(ours.trained_tensors().values(), lr=0.0)
    return {arm: ARMS[arm](model, ours, data, standing_still, 4, 0) for arm in arms}


@pytest.mark.parametrize(
    ("shape", "arms"),
    [("tiny", ["plain", "single", "ours", "packed"]), ("tiny-t5", ["plain", "single", "ours"])],
)
def test_all_arms_learn_the_same_tokens_at_the_same_loss(shape: str, arms: list[str]) -> None:
    """Buckets, shared features, answer-only logits and packing change what is computed, not what comes of it."""
    found = passes(shape, arms)
    plain = found["plain"]
    for done in found.values():
        assert done.tokens == plain.tokens
        assert done.loss == pytest.approx(plain.loss, rel=1e-5)
        assert 0 < done.useful <= done.positions
    assert found["single"].useful == found["single"].positions
    assert found["ours"].useful / found["ours"].positions > plain.useful / plain.positions


def test_rows_are_as_long_as_instructions_are() -> None:
    """The mix of types has the lengths that are promised, queries included, and each image has one row of each."""
    data = make_data(200, 28, 512, 1000)
    mean = sum(data.lengths) / len(data.lengths) + 32
    assert mean == pytest.approx(sum(kind.tokens for kind in KINDS.values()) / len(KINDS), rel=0.05)
    assert sorted(data.images) == sorted(list(range(200)) * len(KINDS))


def test_arithmetic_by_hand() -> None:
    """A weight of the frozen language model costs four operations a token, one of the encoder two."""
    model: Any = plain_model(SHAPES["tiny"], torch.device("cpu"), torch.float32)
    data = make_data(2, 28, 512, 1000)
    work = work_of(model, data)
    layer = 4 * 32 * 32 + 3 * 32 * 64
    positions = sum(data.lengths) + 8 * len(data.rows)
    assert work.language == 4 * (2 * layer * positions + 512 * 32 * data.answer_tokens)
    patches = (28 // 14) ** 2 + 1
    matrices = sum(w.numel() for w in model.vision_model.parameters() if w.ndim >= 2)
    assert work.encoder == 2 * matrices * patches * 2
