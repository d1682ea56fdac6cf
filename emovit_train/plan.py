"""Which rows make which step: the same for all processes, and again after an interruption, from the seed alone."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from emovit_train.batches import length_sorted_batches
from emovit_train.settings import TrainSettings

__all__ = ["PlannedStep", "planned_steps", "steps_in_all"]


@dataclass(frozen=True)
class PlannedStep:
    """One step.

    Attributes:
        number: From 0, over the whole run.
        epoch: From 0.
        within: Its place in the epoch, from 0.
        rows: Numbers of its rows, for all processes together.
    """

    number: int
    epoch: int
    within: int
    rows: Sequence[int]


def planned_steps(lengths: Sequence[int], settings: TrainSettings) -> Iterator[PlannedStep]:
    """Yield all steps of a run.

    Args:
        lengths: Tokens of each row.
        settings: Of the run.
    """
    rng, number = random.Random(settings.seed), itertools.count()
    total = steps_in_all(len(lengths), settings)
    for epoch in itertools.count():
        for within, rows in enumerate(length_sorted_batches(lengths, settings.batch_size, rng)):
            step = PlannedStep(next(number), epoch, within, rows)
            if step.number == total:
                return
            yield step


def steps_in_all(rows: int, settings: TrainSettings) -> int:
    """Return how many steps a run has."""
    ends = [settings.max_steps] if settings.max_steps else []
    if settings.epochs:
        ends.append(settings.epochs * math.ceil(rows / settings.batch_size))
    return min(ends)
