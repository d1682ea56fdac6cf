"""Samples that say nearly the same as another: found in the finished store, one method a file.

Another package adds a method by one line under `[project.entry-points."emogen.dedup"]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from emogen.registry import Registry

__all__ = ["METHODS", "Match", "Method"]


class Match(NamedTuple):
    """Which text another one is much like.

    Attributes:
        kept: The position of the one that stays.
        score: How much, from 0 to 1; 1 is the same, as the method sees it.
    """

    kept: int
    score: float


class Method(Protocol):
    """A way to tell that two texts say nearly the same.

    Attributes:
        threshold: The least score of near-duplicates where the user names none.
        versions: Package or model → version, for the manifest.
    """

    threshold: float
    versions: Mapping[str, str]

    def matches(
        self, texts: Sequence[str], threshold: float, advance: Callable[[int], None]
    ) -> dict[int, Match]:
        """Return the position of each near-duplicate with its best match among the earlier texts that stay.

        What is itself a near-duplicate is nobody's match: similarity does not pass on from one to the next.

        Args:
            texts: In the order that decides: of two alike, the earlier one stays.
            threshold: The least score.
            advance: Told how many more texts are done.
        """
        ...


METHODS: Final[Registry[Callable[[], Method]]] = Registry(
    "method",
    "emogen.dedup",
    {
        "minhash": "emogen.dedup.minhash:MinHash",
        "embeddings": "emogen.dedup.embeddings:Embeddings",
    },
)
