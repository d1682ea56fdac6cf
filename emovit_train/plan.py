"""Which rows make which step: the same for all processes, and again after an interruption, from the seed alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Final

from emogen.errors import InputError
from emovit_train.batches import POOL_IMAGES, Batch, BatchSize, EpochPlan, own_lanes, plan_epoch
from emovit_train.objective import Example
from emovit_train.settings import TrainSettings

__all__ = ["PlannedPool", "PlannedStep", "RunPlan", "lane_size"]

# A process may work through many lanes: together, the images of their pools must find room.
IMAGES_OF_ALL_LANES: Final = 2048
LEAST_POOL: Final = 32


@dataclass(frozen=True)
class PlannedStep:
    """One step.

    Attributes:
        number: From 0, over the whole run.
        epoch: From 0.
        within: Its place in the epoch, from 0.
        lanes: The batches of all processes.
    """

    number: int
    epoch: int
    within: int
    lanes: tuple[Batch, ...]


@dataclass(frozen=True)
class PlannedPool:
    """Steps that follow each other, over images whose features are held together.

    Attributes:
        epoch: From 0.
        steps: At least one.
    """

    epoch: int
    steps: tuple[PlannedStep, ...]

    def rows_of(self, rank: int, world: int) -> set[int]:
        """Return the numbers of the rows that one process computes."""
        return {row for step in self.steps for batch in own_lanes(step.lanes, rank, world) for row in batch}


@dataclass(frozen=True)
class RunPlan:
    """All steps of a run.

    Attributes:
        examples: The rows, in the order of their numbers.
        settings: Of the run.
        lanes: Batches per step, see `emovit_train.batches`.
    """

    examples: Sequence[Example]
    settings: TrainSettings
    lanes: int

    @cached_property
    def total(self) -> int:
        """Steps in all."""
        limit = self.settings.max_steps
        if self.settings.epochs is None:
            assert limit is not None  # settings without an end are refused
            return limit
        steps = 0
        for epoch in range(self.settings.epochs):
            steps += len(self._epoch(epoch))
            if limit is not None and steps >= limit:
                return limit
        return steps

    def pools(self, after: int = 0) -> Iterator[PlannedPool]:
        """Yield what is left to do after so many steps, pool by pool."""
        number = 0
        for epoch in count():
            within = 0
            for pool in self._epoch(epoch).pools:
                steps = tuple(
                    PlannedStep(number + place, epoch, within + place, lanes)
                    for place, lanes in enumerate(pool.steps)
                    if after <= number + place < self.total
                )
                if steps:
                    yield PlannedPool(epoch, steps)
                number, within = number + len(pool.steps), within + len(pool.steps)
                if number >= self.total:
                    return

    def _epoch(self, epoch: int) -> EpochPlan:
        return plan_epoch(
            self._lengths,
            [example.row.image for example in self.examples],
            lane_size(self.settings, self.lanes),
            seed=self.settings.seed,
            epoch=epoch + 1,
            lanes=self.lanes,
            pool_images=min(POOL_IMAGES, max(LEAST_POOL, IMAGES_OF_ALL_LANES // self.lanes)),
        )

    @cached_property
    def _lengths(self) -> list[int]:
        return [example.text.length for example in self.examples]


def lane_size(settings: TrainSettings, lanes: int) -> BatchSize:
    """Return the size of the batches that make a step, one of each lane.

    Raises:
        InputError: a step of this size cannot be shared out evenly.
    """
    sizes = {"--batch-size": settings.batch_size, "--batch-tokens": settings.batch_tokens}
    for option, whole in sizes.items():
        if whole is not None and whole % lanes:
            raise InputError(
                f"{whole} cannot be shared out among the {lanes} batches of a step "
                f"({lanes // settings.accumulate} processes x --accumulate {settings.accumulate})",
                where=option,
                remedy=f"Name a multiple of {lanes}, which is the size of all of them together.",
            )
    rows, tokens = (None if whole is None else whole // lanes for whole in sizes.values())
    return BatchSize(rows=rows, tokens=tokens)
