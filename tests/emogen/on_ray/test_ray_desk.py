"""What goes over the desk: parcels and replies, without Ray."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emogen.admission import CostLimitError, Limits
from emogen.errors import BackendError, EmovitError, InputError, UnknownNameError
from emogen.journal_entry import Entry
from emogen.on_ray.desk import Desk, Parcel
from emogen.on_ray.outbox import ROOM, Outbox
from emogen.on_ray.parcels import ASKED, MADE, Failure, Made
from emogen.on_ray.pool import read_workers
from emogen.schemas import Completion
from emogen.store import MadeRow


def entry(name: str) -> Entry:
    return Entry(
        name.encode(), name, "reasoning", 0, 1, None, 1_790_000_000, Completion(text=name, model="m"), {}
    )


def row(name: str) -> MadeRow:
    return MadeRow(name, "reasoning", None, b"{}\n")


async def test_a_parcel_waits_for_its_reply() -> None:
    """Whoever hands in goes on once the run's process has dealt with it, and gets what that replied."""
    desk = Desk(Limits(), 0.0)
    asking = asyncio.create_task(desk.hand_in(Parcel(ASKED, 7)))
    parcels, _ = await desk.take({}, 0.0)
    assert [parcel.content for _, parcel in parcels] == [7]
    assert not asking.done()
    coming = asyncio.create_task(desk.take({parcels[0][0]: "shard 7"}, 0.0))
    assert await asking == "shard 7"
    assert (await coming)[0] == []


async def test_replies_to_an_earlier_desk_are_passed_over() -> None:
    """A desk that took another's place gets the parcels anew; replies to the old ones do no harm."""
    desk = Desk(Limits(), 0.0, anew=True)
    parcels, standing = await desk.take({3: None}, 2.0)
    assert (parcels, standing.perhaps_spent) == ([], 0.0)


class Counter:
    """Takes parcels for an outbox, a moment each."""

    def __init__(self) -> None:
        self.parcels: list[Made] = []
        self.broken = False

    async def __call__(self, parcel: Parcel) -> Any:
        assert parcel.kind == MADE
        await asyncio.sleep(0.01)
        if self.broken:
            raise EmovitError("no desk")
        self.parcels.append(parcel.content)


async def test_answers_travel_together_and_are_waited_for() -> None:
    """Fifty answers are few parcels; `put` returns when its own is durable."""
    taken = Counter()
    outbox = Outbox(taken)
    await asyncio.gather(*(outbox.put(entry(str(number))) for number in range(50)))
    assert sum(len(made.answers) for made in taken.parcels) == 50
    assert len(taken.parcels) <= 3


async def test_rows_are_brought_before_a_shard_ends() -> None:
    """`flush` leaves nothing behind; much that was made is waited for."""
    taken = Counter()
    outbox = Outbox(taken)
    for number in range(3 * ROOM):
        outbox.add(row(str(number)))
        await outbox.room()
    await outbox.flush()
    assert sum(len(made.rows) for made in taken.parcels) == 3 * ROOM


async def test_an_answer_that_cannot_be_handed_in_is_no_answer() -> None:
    """Where the desk is gone, nobody is told that all is well."""
    taken = Counter()
    taken.broken = True
    with pytest.raises(EmovitError, match="no desk"):
        await Outbox(taken).put(entry("a"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CostLimitError("used up", where="--max-cost", remedy="Raise it."), CostLimitError),
        (UnknownNameError("label", "joi", ["joy"]), InputError),
        (BackendError("gone"), BackendError),
        (EmovitError("full"), EmovitError),
    ],
)
def test_errors_arrive_as_what_they_are(error: EmovitError, kind: type[EmovitError]) -> None:
    """The user is told on one machine what went wrong on another, with the same exit code."""
    arrived = Failure.of(error).error()
    assert (type(arrived), str(arrived), arrived.exit_code) == (kind, str(error), error.exit_code)


def test_workers_are_a_number_or_a_range() -> None:
    """Anything else is refused, with how it is written."""
    assert (read_workers("4"), read_workers("1:8")) == ((4, 4), (1, 8))
    for text in ("0", "8:1", "many", "1:2:3"):
        with pytest.raises(InputError, match="Write it as 4, or as 1:8"):
            read_workers(text)
