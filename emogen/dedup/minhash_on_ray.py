"""MinHash by the workers of a Ray cluster: the same near-duplicates as `minhash` finds, row by row.

    texts ─ parts ─▶ sketched: a number for each band of a text ─ bands ─▶ gathered: who agrees in one ─▶ compared here

What a text costs, words and hashes, is the workers' work, and so is the index; only texts that agree with another in
some band come back. These are compared exactly, in their order, as `minhash` does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from emogen.dedup import Match
from emogen.dedup.minhash import BANDS, SEED, MinHash, best_match, rows_per_band, shingles
from emogen.registry import require

if TYPE_CHECKING:
    from numpy import uint64
    from numpy.typing import NDArray

__all__ = ["MinHashOnRay"]

PART_TEXTS: Final = 20_000
# Bands go to so many workers, each with a few of them.
BAND_GROUPS: Final = 8
# Parts that are sketched at once, for each CPU of the cluster: more would only wait in its memory.
PARTS_PER_CPU: Final = 2


class MinHashOnRay:
    """Texts that share most of their neighbouring word pairs, found by many machines.

    Args:
        ray: The module, connected.
    """

    threshold = MinHash.threshold

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self.versions: Mapping[str, str] = MinHash().versions

    def matches(
        self, texts: Sequence[str], threshold: float, advance: Callable[[int], None]
    ) -> dict[int, Match]:
        """Return the near-duplicates; see `emogen.dedup.Method`."""
        agreeing: defaultdict[int, list[int]] = defaultdict(list)
        for number, members in enumerate(self._agreeing(texts, threshold, advance)):
            for member in members:
                agreeing[member].append(number)
        kept: defaultdict[int, list[int]] = defaultdict(list)
        found: dict[int, Match] = {}
        for place in sorted(agreeing):
            candidates = {other for number in agreeing[place] for other in kept[number]}
            best = best_match(shingles(texts[place]), texts, sorted(candidates), threshold)
            if best is not None:
                found[place] = best
                continue
            for number in agreeing[place]:
                kept[number].append(place)
        return found

    def _agreeing(
        self, texts: Sequence[str], threshold: float, advance: Callable[[int], None]
    ) -> Iterator[list[int]]:
        """Yield the places of the texts that agree in a band, for each band and what they agree in."""
        ray = self._ray
        sketch = ray.remote(num_returns=BAND_GROUPS)(sketched)
        gather = ray.remote(gathered)
        rows = rows_per_band(threshold)
        room = max(1, int(PARTS_PER_CPU * ray.cluster_resources().get("CPU", 1)))
        parts: list[list[Any]] = []
        sizes: dict[Any, int] = {}
        for start in range(0, len(texts), PART_TEXTS):
            part = list(texts[start : start + PART_TEXTS])
            parts.append(sketch.remote(part, rows))
            sizes[parts[-1][0]] = len(part)
            if len(sizes) >= room:
                _finish(ray, sizes, advance)
        while sizes:
            _finish(ray, sizes, advance)
        if not parts:
            return
        groups = [gather.remote(*(part[number] for part in parts)) for number in range(BAND_GROUPS)]
        while groups:
            (done,), groups = ray.wait(groups)
            yield from ray.get(done)


def _finish(ray: Any, sizes: dict[Any, int], advance: Callable[[int], None]) -> None:
    """Wait for a part to be sketched."""
    (done,), _ = ray.wait(list(sizes))
    advance(sizes.pop(done))


def sketched(texts: Sequence[str], rows: int) -> list[NDArray[uint64]]:
    """Return a number for each band of each text, equal where all hashes of the band are; by groups of bands.

    Args:
        texts: A part of them.
        rows: Hashes in a band.
    """
    import numpy as np

    rensa = require("rensa", extra="dedup", purpose="Finding near-duplicates")
    words = [list(shingles(text)) for text in texts]
    sketches = rensa.RMinHash.from_token_sets(words, BANDS * rows, SEED)
    hashes = np.array([sketch.digest() for sketch in sketches], np.uint64).reshape(len(texts), BANDS, rows)
    # A sum with odd factors, modulo 2^64: two bands that differ have the same one once in 2^64 pairs.
    factors = np.random.default_rng(SEED).integers(0, 2**63, rows, np.uint64) * np.uint64(2) + np.uint64(1)
    keys = (hashes * factors).sum(2, dtype=np.uint64)
    return [np.ascontiguousarray(group) for group in np.array_split(keys, BAND_GROUPS, axis=1)]


def gathered(*parts: NDArray[uint64]) -> list[list[int]]:
    """Return the places of the texts that have the same number in a band, for each number that several have.

    Args:
        parts: Of all texts in their order, the numbers of the same bands.
    """
    import numpy as np

    found: list[list[int]] = []
    for band in range(parts[0].shape[1]):
        keys = np.concatenate([part[:, band] for part in parts])
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.diff(keys[order], prepend=keys[order[:1]] ^ np.uint64(1)))
        for members in np.split(order, starts[1:]):
            if len(members) > 1:
                found.append(members.tolist())
    return found
