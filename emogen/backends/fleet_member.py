"""One server of a fleet: how much it is given, and whether it is there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal

from emogen.backends.server import Server
from emogen.capacity import Capacity

if TYPE_CHECKING:
    from emogen.backends.openai import Transport

__all__ = ["Member"]

FIRST_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 30.0
FIRST_REST_S: Final = 0.1
MAX_REST_S: Final = 3.0
# So many answers in a row end the memory of what was wrong before.
RECOVERED_AFTER: Final = 64


class Member:
    """One server, its requests under way and its state.

    A server that is `out` is given nothing. Once it is seen alive, it is on `trial`: the answer to one request, no
    more at a time, brings it back `in`.

    Args:
        server: Its address.
        transport: Carries requests to it.
        share: Most requests under way at it.

    Attributes:
        in_flight: Requests under way.
        capacity: How many it takes, found out from its refusals.
        state: See above.
        failures: How often it failed in a row.
        told: Whether the user was told that it is out.
        turn: When it was last given a request, in turns.
    """

    def __init__(self, server: Server, transport: Transport, share: int) -> None:
        self.server = server
        self.transport = transport
        self.capacity = Capacity(share)
        self.in_flight = 0
        self.state: Literal["in", "out", "trial"] = "in"
        self.failures = 0
        self.told = False
        self.turn = 0
        self._rests_until_s = 0.0
        self._pause_s = 0.0
        self._answers = 0
        self._refusals = 0
        self._trial_is_free = False

    def rests_s(self, now_s: float) -> float:
        """Return for how many seconds more it asked to be left alone."""
        return max(0.0, self._rests_until_s - now_s)

    def has_room(self, now_s: float) -> bool:
        """Whether it can be given a request now."""
        room = self._trial_is_free if self.state == "trial" else self.in_flight < self.capacity.limit
        return room and self._rests_until_s <= now_s

    def take(self, turn: int) -> None:
        """Count a request that it is given."""
        self.in_flight += 1
        self.turn = turn
        self._trial_is_free = False

    def leave(self) -> None:
        """Count a request that it has no longer, however that ended."""
        self.in_flight -= 1
        self._trial_is_free = True

    def answered(self, *, others_wait: bool) -> None:
        """Count a request that it served, before `leave`."""
        self.failures = self._refusals = 0
        self.capacity.accepted(saturated=others_wait and self.in_flight >= self.capacity.limit)
        self._answers += 1
        if self._answers == RECOVERED_AFTER:
            self._pause_s = 0.0

    def refused(self, sent_under: int, retry_after_s: float | None) -> None:
        """Count a refusal for want of room, before `leave`.

        Args:
            sent_under: The limit of its capacity when the request was sent.
            retry_after_s: How long it asks to be left alone.
        """
        self.capacity.refused(sent_under)
        self._refusals += 1
        rest_s = retry_after_s or 0.0
        if self.in_flight == 1:
            # What fills it is not ours, and has no end that we would see.
            rest_s = rest_s or min(FIRST_REST_S * 2.0 ** (self._refusals - 1), MAX_REST_S)
        if rest_s:
            self._rests_until_s = asyncio.get_running_loop().time() + rest_s

    def leave_out(self) -> None:
        """Give it nothing, until it was seen alive."""
        self.state = "out"
        self.failures = self._answers = 0

    async def is_alive(self, *, at_once: bool) -> bool:
        """Look after a pause whether it is there; each pause is twice as long as the one before.

        Args:
            at_once: Leave out the first pause, where nothing was wrong before.
        """
        if at_once and not self._pause_s:
            return await self.transport.is_alive()
        self._pause_s = min(max(FIRST_PAUSE_S, 2 * self._pause_s), MAX_PAUSE_S)
        await asyncio.sleep(self._pause_s)
        return await self.transport.is_alive()

    def try_again(self) -> None:
        """Let it have one request."""
        self.state = "trial"
        self._trial_is_free = True

    def come_back(self) -> bool:
        """Let it have its share again; whether the user was told that it is out."""
        was_told, self.told, self.state = self.told, False, "in"
        return was_told
