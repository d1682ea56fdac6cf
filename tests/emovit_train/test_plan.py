"""The plan of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emogen.errors import InputError
from emovit_train.data import Row
from emovit_train.objective import Example
from emovit_train.plan import PlannedStep, RunPlan, lane_size
from emovit_train.settings import TrainSettings
from emovit_train.text import EncodedText


def plan_of(rows: int, lanes: int = 1, **told: Any) -> RunPlan:
    """Rows of 20 and more tokens, three about each image."""
    examples = [
        Example(
            Row(Path(str(row // 3)), "What?", "It.", "basic", str(row)),
            EncodedText((1,), (1,) * 20, (1,) * (row % 17 + 1)),
        )
        for row in range(rows)
    ]
    settings = TrainSettings.model_validate({"epochs": 3, "batch_size": 4, **told})
    return RunPlan(examples, settings, lanes)


def steps_of(plan: RunPlan, after: int = 0) -> list[PlannedStep]:
    return [step for pool in plan.pools(after) for step in pool.steps]


@pytest.mark.parametrize("size", [{"batch_size": 4}, {"batch_size": None, "batch_tokens": 120}])
def test_every_epoch_has_every_row(size: dict[str, Any]) -> None:
    """The steps are numbered through the run and within their epochs, and each epoch is every row once, anew."""
    plan = plan_of(30, lanes=2, **size)
    steps = steps_of(plan)
    assert [step.number for step in steps] == list(range(plan.total))
    epochs = [[step for step in steps if step.epoch == epoch] for epoch in range(3)]
    for epoch in epochs:
        assert [step.within for step in epoch] == list(range(len(epoch)))
        assert sorted(row for step in epoch for lane in step.lanes for row in lane) == list(range(30))
    assert epochs[0][0].lanes != epochs[1][0].lanes


def test_a_plan_goes_on_after_any_step() -> None:
    """What is left after n steps is the plan without its first n, in the pools' images, too."""
    plan = plan_of(3 * 600, batch_size=300)
    steps = steps_of(plan)
    assert len(list(plan.pools())) == 3 * 3
    for done in (0, 1, 7, plan.total - 1, plan.total):
        assert steps_of(plan, done) == steps[done:]
        assert all(pool.steps for pool in plan.pools(done))


def test_steps_can_be_limited() -> None:
    """A limit cuts epochs short, and takes as many as it needs where none are named."""
    assert plan_of(30, max_steps=5).total == len(steps_of(plan_of(30, max_steps=5))) == 5
    endless = plan_of(30, epochs=None, max_steps=50)
    assert endless.total == len(steps_of(endless)) == 50
    assert steps_of(endless)[-1].epoch == 50 // 8


def test_processes_share_a_pool() -> None:
    """The rows of a pool fall to one process each, and an image's to one."""
    (pool, *_) = plan_of(30, lanes=4).pools()
    shares = [pool.rows_of(rank, 2) for rank in range(2)]
    assert set.union(*shares) == set(range(30))
    assert not {row // 3 for row in shares[0]} & {row // 3 for row in shares[1]}


def test_a_step_that_cannot_be_shared_out_is_refused() -> None:
    """The size of a step is a multiple of its batches, or the error says which number to change."""
    settings = TrainSettings(epochs=1, batch_size=6, accumulate=2)
    assert lane_size(settings, 2).rows == 3
    with pytest.raises(
        InputError, match=r"^--batch-size: 6 .* 4 batches .*\(2 processes x --accumulate 2\).*multiple of 4"
    ):
        lane_size(settings, 4)
    tokens = TrainSettings(epochs=1, batch_tokens=1001)
    with pytest.raises(InputError, match=r"^--batch-tokens: 1001"):
        lane_size(tokens, 2)
