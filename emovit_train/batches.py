"""Plans an epoch from its seed alone: which rows are learnt from in which step, and which images they need.

Images are shuffled and dealt to pools, whose features are held in memory at once: all rows of an image lie in one
pool, so that its features are computed once. Within a pool the rows are sorted by length and cut into batches,
because padding to the longest of a random batch wastes half of the work; then the batches are shuffled.

A step is one batch of each lane. One process works through all lanes before it steps (gradient accumulation), several
share them: four lanes are the same steps on one, two and four processes.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from emogen.errors import InputError

__all__ = ["POOL_IMAGES", "Batch", "BatchSize", "EpochPlan", "Pool", "own_lanes", "plan_epoch"]

# 256 images of ViT-g in bfloat16 are 185 MB.
POOL_IMAGES: Final = 256

Batch = tuple[int, ...]


@dataclass(frozen=True)
class BatchSize:
    """How many rows go into a batch: a fixed number, or as many as a budget of tokens holds.

    Attributes:
        rows: Most rows per batch; None is no limit of its own.
        tokens: Most tokens per batch, padding included; a longer row makes a batch of its own. None is no limit.
    """

    rows: int | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        """Refuse a size without any limit."""
        limits = [limit for limit in (self.rows, self.tokens) if limit is not None]
        if not limits or min(limits) < 1:
            raise InputError(
                f"a batch of {self.rows} rows and {self.tokens} tokens",
                remedy="Give a number of rows or of tokens, 1 or more.",
            )

    def cut(self, rows: Sequence[int], lengths: Sequence[int]) -> list[Batch]:
        """Return `rows`, which are sorted by length, in batches."""
        batches: list[Batch] = []
        batch: list[int] = []
        for row in rows:
            full = self.rows is not None and len(batch) == self.rows
            # Sorted by length: this row is the longest of its batch so far.
            too_long = self.tokens is not None and (len(batch) + 1) * lengths[row] > self.tokens
            if batch and (full or too_long):
                batches.append(tuple(batch))
                batch = []
            batch.append(row)
        return [*batches, tuple(batch)] if batch else batches


@dataclass(frozen=True)
class Pool:
    """Steps whose images' features are held in memory together.

    Attributes:
        steps: Step → lane → row numbers. A batch is empty only where a lane has fewer rows than the pool has steps.
    """

    steps: tuple[tuple[Batch, ...], ...]

    @property
    def rows(self) -> list[int]:
        """All row numbers, sorted."""
        return sorted(row for step in self.steps for batch in step for row in batch)


@dataclass(frozen=True)
class EpochPlan:
    """All steps of an epoch, pool by pool."""

    pools: tuple[Pool, ...]

    def __len__(self) -> int:
        """Return the number of steps."""
        return sum(len(pool.steps) for pool in self.pools)

    def share(self, rank: int, world_size: int) -> EpochPlan:
        """Return the lanes of one process; every process has the same number of steps.

        Raises:
            InputError: the lanes cannot be shared out evenly.
        """
        return EpochPlan(
            tuple(
                Pool(tuple(own_lanes(step, rank, world_size) for step in pool.steps)) for pool in self.pools
            )
        )


def own_lanes(step: Sequence[Batch], rank: int, world_size: int) -> tuple[Batch, ...]:
    """Return the batches of a step that one process computes, one after the other.

    Raises:
        InputError: the lanes cannot be shared out evenly.
    """
    lanes = len(step)
    if lanes % world_size:
        raise InputError(
            f"{lanes} batches per step cannot be shared by {world_size} processes",
            remedy="Accumulate a multiple of the number of processes.",
        )
    return tuple(step[rank * lanes // world_size : (rank + 1) * lanes // world_size])


def plan_epoch(
    lengths: Sequence[int],
    images: Sequence[Hashable],
    size: BatchSize,
    *,
    seed: int,
    epoch: int,
    lanes: int = 1,
    pool_images: int = POOL_IMAGES,
) -> EpochPlan:
    """Return the plan of one epoch, in which each row comes once; equal arguments give equal plans.

    Args:
        lengths: Tokens of each row.
        images: The image of each row.
        size: Of a batch.
        seed: Of the run.
        epoch: Which epoch, from 1; each has an order of its own.
        lanes: Batches per step.
        pool_images: Most images that a lane of a pool holds.
    """
    rng = random.Random(f"order {seed} {epoch}")
    rows_of: dict[Hashable, list[int]] = {}
    for row, image in enumerate(images):
        rows_of.setdefault(image, []).append(row)
    groups = list(rows_of.values())
    rng.shuffle(groups)
    count = -(-len(groups) // (pool_images * lanes))
    cuts = [len(groups) * number // count for number in range(count + 1)] if count else []
    dealt = (groups[start:end] for start, end in pairwise(cuts))
    return EpochPlan(tuple(_pool(part, lengths, size, lanes, rng) for part in dealt))


def _pool(
    groups: Sequence[list[int]], lengths: Sequence[int], size: BatchSize, lanes: int, rng: random.Random
) -> Pool:
    by_lane = [
        size.cut(sorted(lane, key=lambda row: lengths[row]), lengths)
        for lane in _deal(groups, lengths, lanes)
    ]
    steps = max(map(len, by_lane))
    for batches in by_lane:
        _even_out(batches, steps)
        batches.sort(key=lambda batch: max((lengths[row] for row in batch), default=0))
    # Batches of one step are about as long as each other: no process waits long for the longest.
    together = list(zip(*by_lane, strict=True))
    rng.shuffle(together)
    return Pool(tuple(together))


def _deal(groups: Sequence[list[int]], lengths: Sequence[int], lanes: int) -> list[list[int]]:
    """Return the rows of each lane, equal in tokens as far as whole images allow."""
    dealt: list[list[int]] = [[] for _ in range(lanes)]
    tokens = [0] * lanes
    costs = [(sum(lengths[row] for row in group), number) for number, group in enumerate(groups)]
    for cost, number in sorted(costs, reverse=True):
        lane = tokens.index(min(tokens))
        dealt[lane] += groups[number]
        tokens[lane] += cost
    return dealt


def _even_out(batches: list[Batch], count: int) -> None:
    """Halve the largest batches until there are `count`; what cannot be halved any more is joined by empty ones."""
    while len(batches) < count:
        largest = max(batches, key=len, default=())
        if len(largest) < 2:
            batches.append(())
            continue
        batches.remove(largest)
        half = len(largest) // 2
        batches += [largest[:half], largest[half:]]
