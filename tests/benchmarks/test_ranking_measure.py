"""benchmarks/ranking: what it compares, and what it says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.ranking.measure import TARGET, markdown, measured
from tests.emovit_train.conftest import LABELS, assemble_tiny, save_tiny_checkpoint

MACHINE = {
    "cpu": "one",
    "cores": 1,
    "load_before": 0.0,
    "packages": {"torch": "2", "transformers": "5"},
    "date": "today",
    "revision": "abc",
}


def test_both_ways_of_ranking_come_to_the_same(tmp_path: Path) -> None:
    """Rows of their own and the tree have the same sums, and each way has a time and a ratio."""
    save_tiny_checkpoint(tmp_path, seed=0)
    found = measured(assemble_tiny(tmp_path), "What?", [f"It is {label}." for label in LABELS], 2)
    assert found["largest_difference"] < 1e-4
    assert set(found["seconds"]) == set(found["ratios"]) == {"prompt", "least", "ranking", "rows"}
    assert found["ratios"]["prompt"] == 1
    assert found["candidates"] == len(LABELS)


@pytest.mark.parametrize(("ratio", "verdict"), [(TARGET, "met"), (TARGET + 0.01, "**missed**")])
def test_the_target_is_met_or_missed(ratio: float, verdict: str) -> None:
    """The result says which, beside the strictest comparison."""
    ratios = {"prompt": 1.0, "least": 0.75, "ranking": ratio, "rows": 9.0}
    told = {"model": "nano", "threads": 1, "repeats": 2, "candidates": 4, "prompt_tokens": 5}
    told |= {"answer_tokens": 9, "largest_difference": 1e-6, "seconds": ratios, "ratios": ratios}
    text = markdown({**told, "machine": MACHINE})
    assert f": {verdict}." in text
    assert f"it is {ratio / 0.75:.2f} times" in text
