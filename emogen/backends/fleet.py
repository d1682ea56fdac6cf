"""Several servers of one model, asked as if they were one.

A request goes to the server that has the fewest under way. Each has its own share of all requests in flight, and its
own `capacity` below that: one that is slow, or full, holds back its own share and nobody else's, and when one falls
out, the others are given no more than they were. A server that refuses connections, fails `OUT_AFTER` times in a row,
or answers that it will never serve (a wrong key, another model) is taken out, and what it was asked goes to another
within the same attempt. It is looked at again and again, which costs nothing, and comes back by one request on trial.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from emogen.backends import ServerLeftError, ThrottledError, TransientError
from emogen.backends.chat_reply import HttpReply
from emogen.backends.fleet_member import Member
from emogen.backends.server import Server
from emogen.errors import BackendError, shorten

if TYPE_CHECKING:
    from emogen.backends.openai import Transport

__all__ = ["OUT_AFTER", "Fleet"]

# Fewer may be the requests' fault, or chance.
OUT_AFTER: Final = 3


@dataclass(slots=True, eq=False)
class _Waiting:
    """A request that waits for room: it is given a member, or None where there is none left to wait for."""

    tried: Sequence[Member]
    place: asyncio.Future[Member | None]


class Fleet:
    """A transport over several: an attempt of a request is with each server at most once.

    Args:
        servers: The servers, each with what carries requests to it.
        share: Most requests under way at one of them.
        fault: Says what a reply means for the server; None where it served.
    """

    def __init__(
        self,
        servers: Sequence[tuple[Server, Transport]],
        share: int,
        fault: Callable[[HttpReply], BackendError | None],
    ) -> None:
        self._members = [Member(server, transport, share) for server, transport in servers]
        self._fault = fault
        self._waiting: deque[_Waiting] = deque()
        self._looks: dict[Member, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._turn = 0

    async def post(self, body: bytes) -> HttpReply:
        """Send one request to a server that has room, and on to another where that one is not there.

        Raises:
            TimeoutError: it took too long; `ServerLeftError` where the server was taken out and another is there.
            ConnectionError: there is no connection to any server.
        """
        tried: list[Member] = []
        last: HttpReply | ConnectionError = ConnectionError("no server is left")
        while (member := await self._place(tried)) is not None:
            tried.append(member)
            sent_under = member.capacity.limit
            try:
                last = await member.transport.post(body)
                if not self._goes_on(member, last, sent_under):
                    break
            except TimeoutError as error:
                self._failed(member, "no answer in time, again and again")
                if member.state == "out" and self._candidates(tried):
                    raise ServerLeftError from error
                raise
            except ConnectionError as error:
                last = error
                # A server may close an idle connection: whether it is there at all is looked at first.
                self._take_out(member, member.server.shown(str(error)), surely=False)
            finally:
                member.leave()
                self._hand_out()
        if isinstance(last, ConnectionError):
            raise last
        return last

    async def is_alive(self) -> bool:
        """Whether any server answers."""
        return any(await asyncio.gather(*(member.transport.is_alive() for member in self._members)))

    async def aclose(self) -> None:
        """Look at no server any more, and close all connections."""
        if self._timer is not None:
            self._timer.cancel()
        for look in self._looks.values():
            look.cancel()
        await asyncio.gather(*self._looks.values(), return_exceptions=True)
        self._looks.clear()
        for member in self._members:
            member.come_back()
            await member.transport.aclose()

    def _goes_on(self, member: Member, reply: HttpReply, sent_under: int) -> bool:
        """Take a reply into account; whether its request goes on to another server."""
        fault = self._fault(reply)
        if fault is None:
            self._served(member)
        elif isinstance(fault, ThrottledError):
            member.refused(sent_under, fault.retry_after_s)
            self._is_there(member)
            return True
        elif isinstance(fault, TransientError):
            self._failed(member, fault.detail)
            return member.state == "out"
        else:
            self._take_out(member, fault.what, surely=True)
            return True
        return False

    async def _place(self, tried: Sequence[Member]) -> Member | None:
        """Wait for room at a server that was not tried; None where there is no such server."""
        waiting = _Waiting(tried, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._hand_out()
        try:
            return await waiting.place
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            elif not waiting.place.cancelled() and (member := waiting.place.result()):
                member.leave()
                self._hand_out()
            raise

    def _candidates(self, tried: Sequence[Member]) -> list[Member]:
        """Return the servers that may be asked. Where all are out, each may, as if it were the only one."""
        left = [member for member in self._members if member.state != "out" and member not in tried]
        return left if left or tried else self._members

    def _hand_out(self) -> None:
        """Give the room that there is to those who wait, first come, first served."""
        now_s = asyncio.get_running_loop().time()
        left: list[_Waiting] = []
        while self._waiting:
            request = self._waiting.popleft()
            if request.place.done():
                continue
            candidates = self._candidates(request.tried)
            free = [member for member in candidates if member.has_room(now_s)]
            if free:
                self._turn += 1
                member = min(free, key=lambda member: (member.in_flight, member.turn))
                member.take(self._turn)
                request.place.set_result(member)
            elif candidates:
                left.append(request)
                if not any(member.has_room(now_s) for member in self._members):
                    break
            else:
                request.place.set_result(None)
        self._waiting.extendleft(reversed(left))
        rests_s = [s for member in self._members if (s := member.rests_s(now_s))]
        if self._waiting and rests_s:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(min(rests_s), self._hand_out)

    def _served(self, member: Member) -> None:
        member.answered(others_wait=bool(self._waiting))
        self._is_there(member)

    def _is_there(self, member: Member) -> None:
        """Let a server back in that answered on trial, or where no other is there either."""
        if member.state == "trial" or all(other.state == "out" for other in self._members):
            if look := self._looks.pop(member, None):
                look.cancel()
            was_told = member.come_back()
            if was_told:
                self._tell(f"{member.server.base_url} is back")

    def _failed(self, member: Member, why: str) -> None:
        member.failures += 1
        if member.state == "trial" or member.failures >= OUT_AFTER:
            self._take_out(member, why, surely=True)

    def _take_out(self, member: Member, why: str, *, surely: bool) -> None:
        """Give a server nothing more, and begin to look for it.

        Args:
            member: The server.
            why: What it did.
            surely: Whether that is clear; otherwise it is told only where the server is not to be seen.
        """
        if member.state == "out":
            return
        is_new = member.state == "in"
        member.leave_out()
        if surely:
            self._tell_out(member, why)
        self._looks[member] = asyncio.create_task(self._look_for(member, why, at_once=is_new and not surely))
        # Whoever waits for it alone need not wait any more.
        self._hand_out()

    async def _look_for(self, member: Member, why: str, *, at_once: bool) -> None:
        while not await member.is_alive(at_once=at_once):
            self._tell_out(member, why)
            at_once = False
        member.try_again()
        self._hand_out()

    def _tell_out(self, member: Member, why: str) -> None:
        if not member.told:
            member.told = True
            self._tell(f"{member.server.base_url} is taken out ({shorten(why, 120)})")

    def _tell(self, what: str) -> None:
        from emogen.terminal import note

        there = sum(member.state == "in" for member in self._members)
        note(
            f"{what}; {there or 'none'} of {len(self._members)} servers {'is' if there == 1 else 'are'} in use"
        )
