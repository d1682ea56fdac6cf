"""Shares the limits of one run among its workers: requests and tokens a minute, requests at once, money.

A request to the desk for each request to the model would cost more than the request itself. So a worker takes a lease:
so many requests, tokens and so much money for a fraction of a second. With its next report it gives back what it has
not used, and takes a new one; nothing is ever leased twice.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from emogen.admission import Limits
from emogen.allowance import Allowance, Bucket
from emogen.capacity import Capacity
from emogen.on_ray.lease import NOTHING, Lease, Report

__all__ = ["Leases"]

# Workers send in bursts of their own already: more than a second's allowance at once would exhaust a strict server.
BURST_S: Final = 1.0
AGAIN_S: Final = 0.5
# While something is waited for, and at the beginning, while the server's limits are not known.
SOON_S: Final = 0.05
BEGINNING_S: Final = 3.0
# A worker that has not reported for so long is dead, or its machine is: others take what it held.
SILENT_S: Final = 5.0
# So many outcomes say whether the server refuses most of what it gets.
RECENT: Final = 32


@dataclass
class _Holder:
    """A worker, as it reported last, and what it was given then."""

    report: Report
    lease: Lease
    seen_s: float
    recent: int = 0
    lost: float = 0.0

    @property
    def money(self) -> float:
        """What it may have spent by now, beside what it has reported."""
        return self.report.reserved + (self.lease.money or 0.0)


class Leases:
    """The limits of one run, leased to its workers.

    Args:
        limits: What the user allows all workers together.
        spent: Money that the run has cost already.
        clock: Seconds.
    """

    def __init__(
        self,
        limits: Limits,
        spent: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._before = spent
        self._committed = spent
        self._clock = clock
        self._capacity = Capacity(limits.in_flight)
        now_s = clock()
        self._allowance = Allowance(
            limits.requests_per_minute, limits.tokens_per_minute, now_s, burst_s=BURST_S
        )
        self._holders: dict[str, _Holder] = {}
        self._paused_until_s = now_s
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._soon_until_s = now_s + BEGINNING_S

    @property
    def spent(self) -> float:
        """Money for the answers that came, or that are committed."""
        reported = sum(holder.report.spent for holder in self._holders.values())
        return max(self._committed, self._before + reported)

    @property
    def perhaps_spent(self) -> float:
        """Money for attempts that may have been charged unheard, those of dead workers among them."""
        return sum(holder.report.perhaps_spent + holder.lost for holder in self._holders.values())

    def note_committed(self, spent: float) -> None:
        """Note what the run's journal has cost: it outlives workers."""
        self._committed = max(self._committed, spent)

    def renewed(self, report: Report) -> Lease:
        """Take back what a worker has not used, and lease it anew what it may do until its next report."""
        now_s = self._clock()
        self._forget_silent(now_s)
        holder = self._settled(report, now_s)
        if report.demand:
            holder.lease = self._lease(holder, now_s)
        else:
            holder.lease = replace(NOTHING, again_s=AGAIN_S)
        return holder.lease

    def _settled(self, report: Report, now_s: float) -> _Holder:
        before = self._holders.get(report.worker)
        if before is None:
            holder = self._holders[report.worker] = _Holder(report, NOTHING, now_s)
            return holder
        sent = report.requests - before.report.requests
        self._allowance.take(
            sent - (before.lease.requests or 0.0),
            report.tokens - before.report.tokens - (before.lease.tokens or 0.0),
        )
        self._learn(report, now_s)
        self._count(before.report, report, now_s)
        before.report, before.lease, before.seen_s = report, NOTHING, now_s
        before.recent, before.lost = sent, 0.0
        return before

    def _learn(self, report: Report, now_s: float) -> None:
        """Take over the limits that a server states; what it was sent before they were known counts."""
        allowance = self._allowance
        known = (allowance.requests, allowance.tokens)
        allowance.learn(report.headers, now_s)
        for before, bucket in zip(known, (allowance.requests, allowance.tokens), strict=True):
            if before is None and bucket is not None:
                bucket.level = 0.0

    def _count(self, before: Report, now: Report, now_s: float) -> None:
        """Tell the capacity what the server did."""
        for limit, count in now.refused.items():
            for _ in range(count - before.refused.get(limit, 0)):
                self._recent.append(False)
                self._capacity.refused(limit)
        # Some of a server's refusals are moods; whoever refuses most of what it gets means everybody.
        if now.retry_after_s > 0 and 2 * self._recent.count(False) >= RECENT:
            self._paused_until_s = max(self._paused_until_s, now_s + now.retry_after_s)
        for saturated, count in (
            (True, now.saturated - before.saturated),
            (False, now.answered - before.answered),
        ):
            for _ in range(count):
                self._recent.append(True)
                self._capacity.accepted(saturated=saturated)

    def _forget_silent(self, now_s: float) -> None:
        for holder in self._holders.values():
            if holder.report.demand and now_s - holder.seen_s > SILENT_S:
                # What it had in flight may have been answered, and charged.
                holder.lost = holder.money
                holder.report = replace(holder.report, in_flight=0, waiting=0, reserved=0.0)
                holder.lease = NOTHING

    def _lease(self, holder: _Holder, now_s: float) -> Lease:
        report = holder.report
        others = [other for other in self._holders.values() if other is not holder and other.report.demand]
        free = self._free_money()
        poor = free is not None and report.waiting > 0 and free < report.next_cost
        exhausted = poor and not report.in_flight and not any(other.money for other in others)
        slots, places = self._room(report, others)
        if poor:
            # Others may have the money, and want the slots; whoever is to be told that it is used up needs one.
            most = 1 if exhausted else report.in_flight
            slots, places = min(slots, most), min(places, most)
        lease = Lease(
            slots,
            places,
            self._capacity.limit,
            pause_s=max(0.0, self._paused_until_s - now_s),
            again_s=SOON_S if now_s < self._soon_until_s else AGAIN_S,
            exhausted=exhausted,
            spent=self.spent,
            perhaps_spent=self.perhaps_spent,
        )
        if not (slots and places) or poor:
            # What cannot be used here may be of use elsewhere.
            return replace(lease, again_s=SOON_S)
        requests, tokens = self._rates(report, holder.recent, now_s)
        money = _part(free, report, holder.recent, len(others))
        scarce = requests is not None and requests < report.waiting
        return replace(
            lease,
            requests=requests,
            tokens=tokens,
            money=money,
            again_s=SOON_S if scarce else lease.again_s,
        )

    def _room(self, report: Report, others: list[_Holder]) -> tuple[int, int]:
        """Return how many requests may be under way, and how many with the server."""
        slots = [(_wanted(other.report), max(other.lease.slots, other.report.in_flight)) for other in others]
        places = [(_wanted(other.report), other.lease.places) for other in others]
        wanted = _wanted(report)
        return _share(self._limits.in_flight, wanted, slots), _share(self._capacity.limit, wanted, places)

    def _rates(self, report: Report, recent: int, now_s: float) -> tuple[float | None, float | None]:
        """Lease requests and tokens: for those that wait, and for as many as were sent since the last report."""
        allowance = self._allowance
        room = allowance.wait_s(report.next_tokens, now_s) <= 0
        wanted = report.waiting + recent
        each = report.tokens_waiting / report.waiting if report.waiting else report.next_tokens
        requests = _taken(allowance.requests, wanted, 1.0, room, now_s)
        return requests, _taken(allowance.tokens, each * wanted, report.next_tokens, room, now_s)

    def _free_money(self) -> float | None:
        if self._limits.max_cost is None:
            return None
        held = sum(holder.money for holder in self._holders.values())
        return max(0.0, self._limits.max_cost - self.spent - self.perhaps_spent - held)


def _part(free: float | None, report: Report, recent: int, others: int) -> float | None:
    """Return the money for those that wait, and for as many as were sent since the last report."""
    if free is None:
        return None
    each = report.cost_waiting / report.waiting if report.waiting else report.next_cost
    return max(report.next_cost, min(report.cost_waiting + each * recent, free / (others + 1)))


def _wanted(report: Report) -> int:
    # More will wait before the next report.
    return 2 * report.demand


def _taken(bucket: Bucket | None, wanted: float, least: float, room: bool, now_s: float) -> float | None:
    """Take out of a bucket what is wanted and there; at least `least` where there is room for a request."""
    if bucket is None:
        return None
    amount = max(least, min(wanted, bucket.filled(now_s))) if room and wanted > 0 else 0.0
    bucket.take(amount)
    return amount


def _share(whole: int, wanted: int, others: list[tuple[int, int]]) -> int:
    """Return how much of `whole` one more may have.

    Args:
        whole: What there is.
        wanted: How much it wants.
        others: What each of the others wants, and what it holds.
    """
    even = -(-whole // (len(others) + 1))
    # Those that want less than their even share leave the rest to it.
    fair = max(even, whole - sum(min(want, even) for want, _ in others))
    return max(0, min(wanted, fair, whole - sum(held for _, held in others)))
