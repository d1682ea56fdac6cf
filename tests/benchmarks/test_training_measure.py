"""benchmarks/training: what its arms are compared by."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks.training.arithmetic import work_of
from benchmarks.training.arms import ARMS, Pass
from benchmarks.training.report import markdown
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


def part(device: str) -> dict[str, Any]:
    arm = {"rows_per_s": 100.0, "useful_share": 0.9, "loss": 2.0, "peak_mb": 1000, "tflops": 494.5}
    packages = {"torch": "2", "transformers": "5"}
    about = {"cpu": "x", "cores": 1, "date": "today", "revision": "0", "device": device, "packages": packages}
    return {
        "machine": about,
        "settings": {"images": 100, "batch_rows": 8, "dtype": "bfloat16", "threads": 1},
        "parameters": 10**9,
        "rows": 300,
        "work": {"encoder": 1e14, "qformer": 1e14, "language": 8e14},
        "arms": {"plain": arm | {"rows_per_s": 40.0, "tflops": 200.0}, "ours": arm},
    }


def test_a_report_without_a_gpu_says_that_it_misses_one() -> None:
    """The rows that only a GPU can give are named, with the command that makes them; no share of a peak is made up."""
    said = markdown({"parts": {"small-cpu": part("CPU")}})
    assert "Not measured: vicuna-7b and flan-t5-xl on a GPU" in said
    assert "make bench-training-gpu" in said
    assert "MFU" not in said
    assert "2.50 x" in said


def test_a_report_of_a_gpu_has_its_share_of_the_peak_and_the_hours() -> None:
    """Half of an H100's 989 TFLOP/s; 204,800 rows at 100 a second; and the least that arithmetic takes."""
    said = markdown(
        {"parts": {f"{name}-cuda": part("NVIDIA H100 80GB") for name in ("vicuna-7b", "flan-t5-xl")}}
    )
    assert "Not measured" not in said
    assert "| 50% | 0.6 h |" in said
    assert "would take 1.01 s, and the paper's run 0.19 h" in said
