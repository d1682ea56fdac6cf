"""What goes over the desk: parcels and replies, on loopback, without Ray."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emogen.admission import CostLimitError, Limits
from emogen.errors import BackendError, EmovitError, InputError, UnknownNameError
from emogen.journal_entry import Entry
from emogen.on_ray.desk import Desk, Parcel
from emogen.on_ray.lease import NOTHING, Report
from emogen.on_ray.leased_admission import LeasedAdmission
from emogen.on_ray.line import Line
from emogen.on_ray.outbox import ROOM, Outbox
from emogen.on_ray.parcels import ASKED, MADE, Failure, Made
from emogen.on_ray.pool import read_workers
from emogen.schemas import Completion
from emogen.store import MadeRow

HERE = "127.0.0.1"


def entry(name: str) -> Entry:
    return Entry(
        name.encode(), name, "reasoning", 0, 1, None, 1_790_000_000, Completion(text=name, model="m"), {}
    )


def row(name: str) -> MadeRow:
    return MadeRow(name, "reasoning", None, b"{}\n")


async def test_a_parcel_waits_for_its_reply() -> None:
    """Whoever hands in goes on once the run's process has dealt with it, and gets what that replied."""
    async with Desk(HERE, Limits()) as desk:
        line = Line(desk.address)
        asking = asyncio.create_task(line.ask(Parcel(ASKED, 7)))
        ((parcel, reply),) = await desk.take()
        assert parcel == Parcel(ASKED, 7)
        # Leases are given meanwhile.
        assert await line.ask(Report("a")) == replace(NOTHING, again_s=0.5)
        assert not asking.done()
        reply.set_result("shard 7")
        assert await asking == "shard 7"
        await line.aclose()


async def test_a_line_that_breaks_is_mended() -> None:
    """What was under way is handed in again, and what the reply to it was is heard."""
    async with Desk(HERE, Limits()) as desk:
        line = Line(desk.address)
        asking = asyncio.create_task(line.ask(Parcel(ASKED, 7)))
        ((_, lost),) = await desk.take()
        for writer in desk._calls.values():
            writer.transport.abort()
        ((parcel, reply),) = await desk.take()
        lost.set_result("heard by nobody")
        reply.set_result(f"shard {parcel.content}")
        assert await asking == "shard 7"
        await line.aclose()


async def test_strangers_are_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not know the secret is told so; nothing of what it sends is unpickled."""
    async with Desk(HERE, Limits()) as desk:
        with pytest.raises(EmovitError, match=f"does not reach .* at {HERE}:{desk.address.port}: .*secret"):
            await Line(replace(desk.address, secret=b"guessed")).ask(Parcel(ASKED, 7))
        assert desk.rest() == []


async def test_a_desk_that_is_gone_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers do not wait for ever, and what waits for a lease does not either."""
    monkeypatch.setattr("emogen.on_ray.line.PATIENCE_S", 0.0)
    monkeypatch.setattr("emogen.on_ray.line.AGAIN_S", 0.01)
    async with Desk(HERE, Limits()) as desk:
        line = Line(desk.address)
    gate = LeasedAdmission("a", line.ask, Limits())
    with pytest.raises(EmovitError, match="must reach each other at all ports"):
        await gate.enter(1)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes the certificate")
async def test_ray_s_certificates_are_the_desk_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Ray encrypts, so does the line; who has no certificate of the cluster's is not heard."""
    for name in ("ours", "other"):
        words = (
            f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name}".split()
        )
        key, certificate = tmp_path / f"{name}.key", tmp_path / f"{name}.crt"
        subprocess.run(
            ["openssl", *words, "-keyout", key, "-out", certificate], check=True, capture_output=True
        )

    def use(name: str) -> None:
        monkeypatch.setenv("RAY_USE_TLS", "1")
        monkeypatch.setenv("RAY_TLS_SERVER_CERT", str(tmp_path / f"{name}.crt"))
        monkeypatch.setenv("RAY_TLS_SERVER_KEY", str(tmp_path / f"{name}.key"))
        monkeypatch.setenv("RAY_TLS_CA_CERT", str(tmp_path / f"{name}.crt"))

    monkeypatch.setattr("emogen.on_ray.line.PATIENCE_S", 0.0)
    monkeypatch.setattr("emogen.on_ray.line.AGAIN_S", 0.01)
    use("ours")
    async with Desk(HERE, Limits()) as desk:
        line = Line(desk.address)
        assert await line.ask(Report("a")) == replace(NOTHING, again_s=0.5)
        (writer,) = desk._calls.values()
        assert writer.get_extra_info("cipher")
        await line.aclose()
        use("other")
        with pytest.raises(EmovitError, match="does not reach"):
            await Line(desk.address).ask(Report("b"))
        monkeypatch.delenv("RAY_USE_TLS")
        with pytest.raises(EmovitError, match="does not reach"):
            await Line(desk.address).ask(Report("c"))


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
