"""Near-duplicates by the workers of a cluster, which here is this process: the same as without one."""

from __future__ import annotations

import pytest
from ray_here import RayHere

from emogen.dedup import minhash_on_ray
from emogen.dedup.minhash import MinHash
from emogen.dedup.minhash_on_ray import MinHashOnRay
from tests.emogen.dedup.test_minhash import ROCKET, varied


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("length", [6, 40])
def test_as_without_a_cluster(threshold: float, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every near-duplicate, its match and its score are the same, however the texts are cut into parts."""
    texts = [*varied(400, length, seed=length), ROCKET, "", ROCKET.upper(), "one", "one"]
    alone = MinHash().matches(texts, threshold, lambda count: None)
    assert len(alone) > 20
    for size in (7, 10_000):
        monkeypatch.setattr(minhash_on_ray, "PART_TEXTS", size)
        done: list[int] = []
        assert MinHashOnRay(RayHere()).matches(texts, threshold, done.append) == alone
        assert sum(done) == len(texts)


def test_no_text() -> None:
    """Where there is nothing to compare, nothing is alike."""
    assert MinHashOnRay(RayHere()).matches([], 0.7, lambda count: None) == {}
