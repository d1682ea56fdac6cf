"""Where workers hand in what they make, and get leases of the limits: in the process that holds the run folder."""

from __future__ import annotations

import asyncio
import secrets
import traceback
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from emogen.admission import Limits
from emogen.on_ray import wire
from emogen.on_ray.lease import Report
from emogen.on_ray.leases import Leases
from emogen.on_ray.parcels import FAILED

__all__ = ["Desk", "Parcel"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a worker hands in, or asks for.

    Attributes:
        kind: What it is, see `emogen.on_ray.parcels`.
        content: The rest.
    """

    kind: str
    content: Any


class Desk:
    """The desk of one run, at which workers call while the block runs.

    Args:
        host: The address to listen at.
        limits: What the user allows all workers together.
        spent: Money that the run had cost when it began.

    Attributes:
        leases: The limits.
        address: What workers are told.
    """

    address: wire.Address

    def __init__(self, host: str, limits: Limits, spent: float = 0.0) -> None:
        self.leases = Leases(limits, spent)
        self._host = host
        self._waiting: list[tuple[Parcel, asyncio.Future[Any]]] = []
        self._there = asyncio.Event()
        self._calls: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Desk:
        secret = secrets.token_bytes(32)
        self._server = await asyncio.start_server(
            self._answer_call, self._host, 0, limit=wire.BUFFER_BYTES, ssl=wire.encryption(b"desk")
        )
        port = self._server.sockets[0].getsockname()[1]
        self.address = wire.Address(self._host, port, secret)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._calls.values():
            writer.close()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def take(self) -> list[tuple[Parcel, asyncio.Future[Any]]]:
        """Wait for parcels, and return those that are there, each with the future of the reply that it waits for."""
        await self._there.wait()
        return self.rest()

    def rest(self) -> list[tuple[Parcel, asyncio.Future[Any]]]:
        """Return the parcels that are there."""
        self._there.clear()
        parcels, self._waiting = self._waiting, []
        return parcels

    def _put(self, parcel: Parcel) -> asyncio.Future[Any]:
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((parcel, reply))
        self._there.set()
        return reply

    async def _answer_call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one worker until it hangs up."""
        call = asyncio.current_task()
        assert call is not None
        self._calls[call] = writer
        try:
            await wire.prove(reader, writer, self.address.secret, b"desk")
            while True:
                number, message = await wire.receive(reader)
                self._answer(writer, number, message)
        except (wire.StrangerError, asyncio.IncompleteReadError, OSError):
            # A worker that lives calls again.
            pass
        except asyncio.CancelledError:
            # The desk is closed. Where a call ends so, Python 3.11 prints a traceback.
            pass
        except Exception:
            self._put(Parcel(FAILED, traceback.format_exc()))
        finally:
            del self._calls[call]
            writer.close()

    def _answer(self, writer: asyncio.StreamWriter, number: int, message: Parcel | Report) -> None:
        if isinstance(message, Report):
            wire.send(writer, (number, self.leases.renewed(message)))
            return

        def answer(reply: asyncio.Future[Any]) -> None:
            if not reply.cancelled() and not writer.is_closing():
                wire.send(writer, (number, reply.result()))

        self._put(message).add_done_callback(answer)
