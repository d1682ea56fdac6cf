"""Files of requests, within limits."""

from __future__ import annotations

import json
from itertools import chain, pairwise

import pytest
from batch_world import World

from emogen.admission import CostLimitError
from emogen.batch.drafting import Limits, draft, estimate, input_file, lines_of
from emogen.batch.planned import State
from emogen.batch.rows import Missing


def test_a_file(world: World) -> None:
    """Each line asks what the online request would ask, under the key that the journal will know the answer by."""
    world.submit(2)
    (batch,) = world.plans.batches()
    lines = [json.loads(line) for line in input_file(world.plans, batch.number).read_bytes().splitlines()]
    rows = [row for row in world.rows(2) if isinstance(row, Missing)]
    assert [line["custom_id"] for line in lines] == [row.key.hex() for row in rows]
    assert [line["body"] for line in lines] == [
        world.backend.request.body(row.request.prompt) for row in rows
    ]
    assert {(line["method"], line["url"]) for line in lines} == {("POST", "/v1/chat/completions")}


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (50_000, [5])])
def test_the_most_requests(world: World, limit: int, sizes: list[int]) -> None:
    """No file holds more requests than allowed, and none is opened before the one before it is full."""
    total = world.submit(5, limits=Limits(requests=limit))
    assert [batch.requests for batch in world.plans.batches()] == sizes
    assert [len(world.stub.requests(batch_id)) for batch_id in world.stub.batches] == sizes
    assert (total.requests, total.files) == (5, len(sizes))


def test_the_most_bytes(world: World) -> None:
    """No file is larger than allowed, to the byte, and none is opened while a request has room in the one before it."""
    sizes = [len(line.text) for line in lines_of(world.rows(6).missing(), world.backend)]
    most = sizes[0] + sizes[1]
    world.submit(6, limits=Limits(bytes=most))
    files = [file.content for file in world.stub.files.values()]
    assert len(files[0]) == most
    for file, after in pairwise(files):
        assert len(file) <= most < len(file) + len(after.splitlines(keepends=True)[0])
    assert [len(line) for file in files for line in file.splitlines(keepends=True)] == sizes


def test_a_request_that_is_too_large(world: World) -> None:
    """A request that alone exceeds the limit goes into a file of its own; the provider has the last word."""
    assert estimate(lines_of(world.rows(2).missing(), world.backend), Limits(bytes=1)).files == 2


def test_what_is_estimated_is_what_is_submitted(world: World) -> None:
    """The estimate of a trial is that of the submission, and counts bytes as they are uploaded."""
    limits = Limits(requests=2)
    trial = estimate(lines_of(world.rows(5).missing(), world.backend), limits)
    assert trial == world.submit(5, limits=limits)
    assert trial.bytes == sum(len(file.content) for file in world.stub.files.values())
    assert world.stub.calls.count("upload") == 3


def test_too_dear(world: World) -> None:
    """What might cost more than is left is not submitted: nothing is sent, planned or left on the disk."""
    # 10 answer tokens at half of 1,000 for a million: a request may cost 0.005.
    world.submit(2, max_cost=0.01)
    with pytest.raises(
        CostLimitError, match=r"these 2 requests may cost 0\.0100; of 0\.015 are spent 0\.0000"
    ) as refused:
        world.submit(4, max_cost=0.015)
    assert "not collected yet may cost 0.0100" in str(refused.value)
    assert len(world.plans.batches()) == len(world.stub.batches) == 1
    assert [path.name for path in (world.run / "batches").iterdir()] == ["0001.jsonl"]
    world.stub.end()
    world.collect()
    assert world.journal.spent() == pytest.approx(0.005)
    # Of what was reserved, 0.005 are spent, and the rest is free again.
    with pytest.raises(CostLimitError, match=r"of 0\.0149 are spent 0\.0050"):
        world.submit(4, max_cost=0.0149)
    world.submit(4, max_cost=0.015)
    assert len(world.stub.batches) == 2


def test_the_same_request_twice(world: World) -> None:
    """A request that is in a batch, in the journal, or twice among the records is submitted once."""
    world.submit(3)
    assert world.submit(4).requests == 1
    world.stub.end()
    world.collect()
    assert world.submit(4).requests == 0
    twice = chain(world.rows(2, 4).missing(), world.rows(1, 4).missing())
    with world.plans.transaction():
        assert draft(lines_of(twice, world.backend), Limits(), world.plans, world.terms, print).requests == 2
    ids = world.stub.submitted()
    assert len(ids) == len(set(ids)) == 4
    *submitted, planned = world.plans.batches()
    assert {batch.state for batch in submitted} == {State.COLLECTED}
    assert (planned.state, planned.requests) == (State.PLANNED, 2)
