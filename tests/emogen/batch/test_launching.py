"""Bringing batches to the provider, whatever happens on the way: none is paid for twice, none is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aiohttp import web
from batch_stub import Fault
from batch_world import World

from emogen.batch.drafting import Limits
from emogen.batch.planned import State
from emogen.errors import BackendError, CredentialError


class Killed(BaseException):
    """Stands for a process that ends here: nothing handles it."""


def die() -> None:
    raise Killed


def reply(status: int, message: str = "no", **headers: str) -> Callable[[], web.Response]:
    return lambda: web.json_response({"error": {"message": message}}, status=status, headers=headers)


def test_the_states(world: World) -> None:
    """A batch is created of its file, carries the hash of its plan, and is known by the provider's names."""
    world.submit(3)
    (batch,) = world.plans.batches()
    remote = world.stub.batches["batch_1"]
    assert (batch.state, batch.file_id, batch.batch_id) == (State.CREATED, "file-1", "batch_1")
    assert remote["metadata"] == {"emogen_plan": batch.plan}
    assert world.stub.files["file-1"].name == f"emogen-{batch.plan}.jsonl"
    # A first submission has nothing to look for.
    assert world.stub.calls == ["upload", "create"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["upload", "create"])
def test_a_call_that_fails(world: World, call: str, when: str) -> None:
    """After an error that hides whether the call was carried out, the provider is asked before it is repeated."""
    world.stub.faults[call] = [Fault(reply(500), when)]  # type: ignore[arg-type]
    world.submit(3)
    assert len(world.stub.files) == len(world.stub.batches) == 1
    assert world.stub.calls.count(call) == (2 if when == "before" else 1)
    assert ("list_files" if call == "upload" else "list_batches") in world.stub.calls
    assert [batch.state for batch in world.plans.batches()] == [State.CREATED]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_looking_that_fails(world: World, status: int) -> None:
    """Asking how things stand is repeated by itself, as it changes nothing."""
    world.submit(1)
    world.stub.faults["retrieve"] = [Fault(reply(status, **{"retry-after-ms": "1"}))] * 3
    assert world.remote.retrieve("batch_1").status == "in_progress"
    assert world.stub.calls.count("retrieve") == 4


@pytest.mark.parametrize("call", ["upload", "create"])
def test_a_provider_that_is_down(world: World, call: str) -> None:
    """A provider that stays down ends the command with what to do; the next one submits each request once."""
    world.stub.faults[call] = [Fault(reply(503, "down"))] * 5
    with pytest.raises(BackendError, match=r"batch 1 was not created.*down.*Run the same command again"):
        world.submit(3)
    world.submit(3)
    assert len(world.stub.batches) == 1
    assert len(world.stub.submitted()) == 3
    assert [batch.state for batch in world.plans.batches()] == [State.CREATED]


@pytest.mark.parametrize(
    ("call", "status"), [("upload", 400), ("upload", 404), ("create", 400), ("create", 404)]
)
def test_a_batch_that_is_not_taken(world: World, call: str, status: int) -> None:
    """A batch that the provider refuses is forgotten, with its file there and here; its requests are free again."""
    world.stub.faults[call] = [Fault(reply(status, "not with this model"))]
    with pytest.raises(BackendError, match=r"does not take the batch: .*not with this model"):
        world.submit(3)
    assert world.plans.batches() == []
    assert world.stub.files == {}
    assert list((world.run / "batches").iterdir()) == []
    assert world.submit(3).requests == 3


def test_a_refused_key(world: World) -> None:
    """A refused key is no verdict on the batch: the next command submits it."""
    world.stub.faults["create"] = [Fault(reply(401, "Incorrect API key"))]
    with pytest.raises(CredentialError, match="refused the key"):
        world.submit(3)
    world.submit(3)
    assert len(world.stub.batches) == 1
    assert len(world.stub.files) == 1


@pytest.mark.parametrize(
    ("call", "when", "state"),
    [
        ("upload", "before", State.UPLOADING),
        ("upload", "after", State.UPLOADING),
        ("create", "before", State.CREATING),
        ("create", "after", State.CREATING),
    ],
)
def test_a_process_that_ends(
    world: World, monkeypatch: pytest.MonkeyPatch, call: str, when: str, state: State
) -> None:
    """Wherever a process ends, the next one leaves one file and one batch, and adopts what was created."""
    real = getattr(world.remote, call)

    def ends(*words: object) -> None:
        if when == "after":
            real(*words)
        die()

    with monkeypatch.context() as patch:
        patch.setattr(world.remote, call, ends)
        with pytest.raises(Killed):
            world.submit(3)
    assert [batch.state for batch in world.plans.batches()] == [state]
    before = world.stub.submitted()
    world.submit(3)
    assert len(world.stub.files) == len(world.stub.batches) == 1
    assert len(world.stub.submitted()) == 3
    assert [batch.state for batch in world.plans.batches()] == [State.CREATED]
    if before:
        assert world.stub.submitted() == before
        assert world.stub.calls.count("create") == 1


def test_a_process_that_ends_between_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was created stays, what was only planned is planned anew, and nothing is asked twice."""
    real, created = world.remote.create, []

    def create(file_id: str, plan: str) -> object:
        if created:
            die()
        created.append(plan)
        return real(file_id, plan)

    with monkeypatch.context() as patch:
        patch.setattr(world.remote, "create", create)
        with pytest.raises(Killed):
            world.submit(6, limits=Limits(requests=2))
    assert len(world.stub.batches) == 1
    assert world.submit(6).requests == 4
    ids = world.stub.submitted()
    assert len(ids) == len(set(ids)) == 6
    # The file that was uploaded and not used is gone.
    assert len(world.stub.files) == 2


def test_adopting_turns_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is found among many, by its hash alone."""
    world.submit(5, limits=Limits(requests=1))
    third = world.plans.batches()[2]
    assert world.remote.find_batch(third.plan) == world.remote.retrieve("batch_3")
    assert world.remote.find_batch("0" * 64) is None
    assert world.remote.find_file(f"emogen-{third.plan}.jsonl") == "file-3"


def test_two_runs_with_the_same_requests(world: World) -> None:
    """The same requests submitted by another run are another batch: it is never taken for ours."""
    world.submit(3)
    first = world.plans.batches()[0]
    world.stub.end("failed", lambda i, line: None)
    world.collect()
    world.submit(3)
    second = world.plans.batches()[1]
    assert world.stub.files["file-1"].content == world.stub.files["file-2"].content
    assert first.plan != second.plan


def test_nobody_there(world: World) -> None:
    """A provider that cannot be reached is named, and nothing is lost."""
    gone = world.terms.model_copy(update={"base_url": "http://127.0.0.1:9/v1"})
    with pytest.raises(BackendError, match=r"127\.0\.0\.1:9"):
        world.remotes.of(gone).upload(world.run / "journal.sqlite", "x")
