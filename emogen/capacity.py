"""How many requests a server takes at once, found out from which of them it refuses.

A full server refuses what is too much and answers the rest; a moody one, or one behind a limit a minute, refuses some
whatever their number. So what counts is not how many it refuses, but whether more places bring more refusals, and fewer
places fewer. It is counted by rounds: as many answers as there are places. Three phases:

- *doubling* while every place is taken and a round is answered, until the server is full for the first time;
- *full*: the place of a refused request is not taken again, so that exactly those stay that the server holds;
- *steady*: now and then a few more places, or a few fewer, are tried for a round, and kept where that was better. Each
  attempt in vain to have more doubles the rounds until the next one.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final, Literal

__all__ = ["Capacity"]

FIRST: Final = 32
# What is taken for a mood until a server is found full: refusals for each answer.
MOODY_SHARE: Final = 0.15
# Beyond this share of all outcomes, a server is full that was not before; below that one, it is so no longer.
FULL_SHARE: Final = 0.4
NO_LONGER_FULL_SHARE: Final = 0.25
LEAST_WINDOW: Final = 32
# One place in so many is tried.
TRIED_SHARE: Final = 16
MOST_PATIENCE: Final = 16
# So many refusals a round are worth finding out whether fewer places would save them.
NOTABLE: Final = 3.0
# How far the last round counts in what is usual.
NEWEST_WEIGHT: Final = 0.25


class Capacity:
    """The number of places, which adapts itself to what the server does.

    Args:
        most: Never more than these.

    Attributes:
        limit: How many requests may be with the server now.
    """

    def __init__(self, most: int) -> None:
        self.limit = min(most, FIRST)
        self._most = most
        self._phase: Literal["doubling", "full", "steady"] = "doubling"
        self._recent: deque[bool] = deque()
        # Of this round, or of this window while the server is full.
        self._answered = self._refused = 0
        # Refusals for each answer.
        self._usual_share: float | None = None
        # The limit before the one that is tried.
        self._before: int | None = None
        self._tries_fewer = False
        self._patience = self._rounds_left = 1

    def accepted(self, *, saturated: bool) -> None:
        """Count an answer.

        Args:
            saturated: Whether every place was taken when it came; otherwise it says nothing about their number.
        """
        self._note(answered=True)
        if self._phase == "full":
            self._answered += 1
            self._end_if_no_longer_full()
        elif saturated:
            self._answered += 1
            if self._answered >= self.limit:
                self._end_round()

    def refused(self, sent_under: int) -> None:
        """Count a refusal.

        Args:
            sent_under: The limit when the request was sent. Under a larger one than now, it says nothing of this one.
        """
        if self._phase == "steady" and sent_under > self.limit:
            return
        self._refused += 1
        self._note(answered=False)
        if self._phase == "full":
            self.limit = max(1, self.limit - 1)
            self._end_if_no_longer_full()
        elif self._is_full() or (self._phase == "doubling" and self._refused > self._bearable()):
            self._enter("full")
        elif self._phase == "steady" and self._refused > self._bearable():
            self._end_bad_round()

    def _note(self, *, answered: bool) -> None:
        self._recent.append(answered)
        if len(self._recent) > self._window:
            self._recent.popleft()

    @property
    def _window(self) -> int:
        # Refusals come before the answers to what was sent with them: less than a round may hold nothing else.
        return max(LEAST_WINDOW, self.limit)

    def _is_full(self) -> bool:
        share = max(FULL_SHARE, 2 * (self._usual_share or 0.0))
        return len(self._recent) >= self._window and self._recent.count(False) >= share * self._window

    def _end_if_no_longer_full(self) -> None:
        """Look at the outcomes window by window: what was sent before is still refused among the answers."""
        outcomes = self._answered + self._refused
        if outcomes >= max(self.limit, LEAST_WINDOW // 4):
            if self._refused < NO_LONGER_FULL_SHARE * outcomes:
                self._enter("steady")
            self._answered = self._refused = 0

    def _enter(self, phase: Literal["full", "steady"]) -> None:
        self._phase = phase
        self._recent.clear()
        self._answered = self._refused = 0
        self._usual_share = self._before = None
        self._rounds_left = self._patience

    def _end_round(self) -> None:
        if self._before is None:
            self._learn(self._refused / self._answered)
            self._rounds_left -= 1
        elif self.limit < self._before and not self._is_better():
            # Refusals are no matter of places, so this is no attempt in vain to have more.
            self.limit, self._before = self._before, None
        else:
            self._before, self._patience = None, 1
        self._answered = self._refused = 0
        if self._phase == "doubling":
            self.limit = min(self._most, 2 * self.limit)
        elif self._rounds_left <= 0:
            self._try_another()

    def _learn(self, share: float) -> None:
        if self._usual_share is None:
            self._usual_share = share
        self._usual_share += NEWEST_WEIGHT * (share - self._usual_share)

    def _try_another(self) -> None:
        """Try a few places more; in turn with fewer, where refusals are usual."""
        self._tries_fewer = not self._tries_fewer and self._usual() >= NOTABLE
        self._rounds_left = self._patience
        step = max(1, self.limit // TRIED_SHARE)
        tried = max(1, min(self._most, self.limit - step if self._tries_fewer else self.limit + step))
        if tried != self.limit:
            self._before, self.limit = self.limit, tried

    def _usual(self) -> float:
        """Return how many refusals are usual in a round."""
        least = MOODY_SHARE if self._phase == "doubling" else 0.0
        return max(least, self._usual_share or 0.0) * self.limit

    def _bearable(self) -> float:
        """Return how many refusals in a round are no more than usual and chance."""
        if self._phase == "steady" and self._usual_share is None:
            return math.inf
        spreads = 3 if self._phase == "doubling" else 2
        return self._usual() + spreads * math.sqrt(self._usual()) + 1

    def _is_better(self) -> bool:
        """Whether this round had clearly fewer refusals than usual."""
        return self._refused <= self._usual() - 2 * math.sqrt(self._usual())

    def _end_bad_round(self) -> None:
        """Go back to the places before; where none are tried, to a few fewer than now."""
        if self._before is None:
            self._learn(self._refused / max(self._answered, self.limit))
            self._before = max(1, self.limit - max(1, self.limit // TRIED_SHARE))
        self.limit, self._before = self._before, None
        self._patience = min(2 * self._patience, MOST_PATIENCE)
        self._rounds_left = self._patience
        self._answered = self._refused = 0
