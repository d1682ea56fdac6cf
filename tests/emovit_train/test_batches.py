"""The plan of an epoch."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from emogen.errors import InputError
from emovit_train.batches import BatchSize, EpochPlan, plan_epoch


def lengths_of(rows: int) -> list[int]:
    rng = random.Random(rows)
    return [rng.randint(20, 250) for _ in range(rows)]


def all_rows(plan: EpochPlan) -> list[int]:
    return sorted(row for pool in plan.pools for row in pool.rows)


@pytest.mark.parametrize("rows", [1, 7, 200])
@pytest.mark.parametrize("lanes", [1, 4])
@pytest.mark.parametrize("size", [BatchSize(rows=3), BatchSize(tokens=700)])
def test_each_row_comes_once(rows: int, lanes: int, size: BatchSize) -> None:
    """An epoch is every row exactly once, whatever the numbers, and every process has equally many steps."""
    images = [row // 3 for row in range(rows)]
    plan = plan_epoch(lengths_of(rows), images, size, seed=0, epoch=1, lanes=lanes, pool_images=8)
    assert all_rows(plan) == list(range(rows))
    assert all(len(step) == lanes for pool in plan.pools for step in pool.steps)
    shares = [plan.share(rank, lanes) for rank in range(lanes)]
    assert {len(share) for share in shares} == {len(plan)}
    assert sorted(row for share in shares for row in all_rows(share)) == list(range(rows))


def test_rows_of_an_image_stay_in_one_pool_and_one_lane() -> None:
    """An image's features are needed by one process and in one pool only, and a pool's images are bounded."""
    images = [row // 3 for row in range(300)]
    plan = plan_epoch(
        lengths_of(300), images, BatchSize(tokens=700), seed=0, epoch=1, lanes=2, pool_images=16
    )
    held: list[set[int]] = []
    for pool in plan.pools:
        for lane in range(2):
            held.append({images[row] for step in pool.steps for row in step[lane]})
            # Lanes are equal in tokens, which is nearly equal in images.
            assert len(held[-1]) <= 20
    assert sum(map(len, held)) == len(set(images))


@pytest.mark.parametrize("size", [BatchSize(rows=8), BatchSize(tokens=2000)])
def test_rows_of_a_batch_are_alike(size: BatchSize) -> None:
    """Padding to the longest of a batch wastes less than a tenth, where random batches of eight waste a third."""
    lengths = lengths_of(512)
    plan = plan_epoch(lengths, list(range(512)), size, seed=0, epoch=1)
    batches = [[lengths[row] for row in batch] for pool in plan.pools for (batch,) in pool.steps]
    padded = sum(max(batch) * len(batch) for batch in batches)
    assert sum(lengths) / padded > 0.9
    assert sum(lengths) / sum(max(lengths[n : n + 8]) * 8 for n in range(0, 512, 8)) < 0.7
    if size.tokens:
        assert all(max(batch) * len(batch) <= size.tokens for batch in batches)


def test_order_follows_seed_and_epoch_alone() -> None:
    """The same seed and epoch give the same plan, so that a resumed run needs no more; others give others."""

    def plan(seed: int, epoch: int) -> EpochPlan:
        return plan_epoch(lengths_of(60), list(range(60)), BatchSize(rows=4), seed=seed, epoch=epoch)

    assert plan(5, 1) == plan(5, 1)
    assert len({plan(5, 1), plan(5, 2), plan(6, 1)}) == 3


def test_lanes_do_the_same_on_one_process_and_on_several() -> None:
    """Four lanes are the same four batches per step for one, two and four processes."""
    plan = plan_epoch(lengths_of(90), list(range(90)), BatchSize(rows=4), seed=0, epoch=1, lanes=4)
    for processes in (1, 2, 4):
        shares = [plan.share(rank, processes).pools[0].steps for rank in range(processes)]
        together = [tuple(batch for part in parts for batch in part) for parts in zip(*shares, strict=True)]
        assert together == list(plan.pools[0].steps)
    with pytest.raises(InputError, match="4 batches per step cannot be shared by 3 processes"):
        plan.share(0, 3)


def test_batches_of_a_step_are_about_as_long() -> None:
    """No process waits long for another: the longest rows of a step's batches are near each other."""
    lengths = lengths_of(800)
    plan = plan_epoch(lengths, list(range(800)), BatchSize(tokens=1000), seed=0, epoch=1, lanes=4)
    longest = [[max(lengths[row] for row in batch) for batch in step] for step in plan.pools[0].steps]
    assert sum(max(step) - min(step) for step in longest) / len(longest) < 25


def test_batches_are_shuffled() -> None:
    """Short and long batches alternate: a run does not end an epoch on its longest rows only."""
    lengths = lengths_of(400)
    plan = plan_epoch(lengths, list(range(400)), BatchSize(rows=4), seed=0, epoch=1)
    means = [sum(lengths[row] for row in batch) for pool in plan.pools for (batch,) in pool.steps]
    rises = sum(second > first for first, second in pairwise(means))
    assert 0.3 < rises / len(means) < 0.7


def test_a_batch_needs_a_limit() -> None:
    """A size without a limit, or with one of 0, is refused."""
    for wrong in ({}, {"rows": 0}, {"tokens": 0}):
        with pytest.raises(InputError, match="number of rows or of tokens"):
            BatchSize(**wrong)
