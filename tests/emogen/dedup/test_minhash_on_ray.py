"""Near-duplicates by the workers of a cluster, which here is this process: the same as without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from emogen.dedup import minhash_on_ray
from emogen.dedup.minhash import MinHash
from emogen.dedup.minhash_on_ray import MinHashOnRay
from tests.emogen.dedup.test_minhash import ROCKET, varied


class RayHere:
    """What is used of Ray, at once and in this process."""

    def remote(self, what: Any = None, **options: Any) -> Any:
        return _Remote(what) if what else _Remote

    def wait(self, things: list[Any]) -> tuple[list[Any], list[Any]]:
        return things[-1:], things[:-1]

    def get(self, thing: Any) -> Any:
        return thing.value

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 1.0}


class _Remote:
    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def remote(self, *arguments: Any) -> Any:
        made = self._function(*(each.value if isinstance(each, _Made) else each for each in arguments))
        return [_Made(each) for each in made] if self._function.__name__ == "sketched" else _Made(made)


class _Made:
    def __init__(self, value: Any) -> None:
        self.value = value


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
