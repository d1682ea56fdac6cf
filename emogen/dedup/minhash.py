"""The same words: the share of neighbouring word pairs that two texts have in common.

MinHash with locality-sensitive hashing proposes candidates, and each is then compared exactly: no pair is found
by an estimate, and a few that are only just alike may be missed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from itertools import pairwise
from typing import Any, Final

from emogen.dedup import Match
from emogen.registry import require

__all__ = ["MinHash", "best_match", "rows_per_band", "shingles"]

BANDS: Final = 32
# The share of pairs at the very threshold that are found; of those above it, more.
FOUND_AT_THRESHOLD: Final = 0.98
MOST_ROWS: Final = 8
SEED: Final = 1
BLOCK: Final = 1000
# Scripts that put no space between words: each of their letters counts as a word.
_WORD: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
    r"|[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)


class MinHash:
    """Texts that share most of their neighbouring word pairs (Jaccard similarity), found by MinHash."""

    # In a text of 15 words one other word makes 0.75, in one of 60 words five make 0.71.
    threshold = 0.7

    def __init__(self) -> None:
        self._rensa: Any = require("rensa", extra="dedup", purpose="Finding near-duplicates")
        self.versions = {"rensa": version("rensa")}

    def matches(
        self, texts: Sequence[str], threshold: float, advance: Callable[[int], None]
    ) -> dict[int, Match]:
        """Return the near-duplicates; see `emogen.dedup.Method`."""
        permutations = BANDS * rows_per_band(threshold)
        index = self._rensa.RMinHashLSH(threshold, permutations, BANDS)
        found: dict[int, Match] = {}
        for number, (words, sketch) in enumerate(self._sketches(texts, permutations)):
            best = best_match(words, texts, index.query(sketch), threshold)
            if best is None:
                index.insert(number, sketch)
            else:
                found[number] = best
            advance(1)
        return found

    def _sketches(self, texts: Sequence[str], permutations: int) -> Iterator[tuple[frozenset[str], Any]]:
        for start in range(0, len(texts), BLOCK):
            block = [shingles(text) for text in texts[start : start + BLOCK]]
            sketches = self._rensa.RMinHash.from_token_sets(map(list, block), permutations, SEED)
            yield from zip(block, sketches, strict=True)


def shingles(text: str) -> frozenset[str]:
    """Return the pairs of neighbouring words of a text, whatever its case and punctuation."""
    words = _WORD.findall(text.casefold())
    if len(words) < 2:
        return frozenset(words or [text])
    return frozenset(f"{first} {second}" for first, second in pairwise(words))


def rows_per_band(threshold: float) -> int:
    """Return how many hashes must agree for a candidate: as many as find nearly all pairs at the threshold.

    The more, the fewer pairs are compared in vain.
    """
    rows = 1
    while rows < MOST_ROWS and 1 - (1 - threshold ** (rows + 1)) ** BANDS >= FOUND_AT_THRESHOLD:
        rows += 1
    return rows


def best_match(
    words: frozenset[str], texts: Sequence[str], candidates: Sequence[int], threshold: float
) -> Match | None:
    """Return the candidate that is most like a text of these word pairs; None where none is alike enough."""
    best: Match | None = None
    for candidate in sorted(candidates):
        others = shingles(texts[candidate])
        score = len(words & others) / len(words | others)
        if score >= threshold and (best is None or score > best.score):
            best = Match(candidate, score)
    return best
