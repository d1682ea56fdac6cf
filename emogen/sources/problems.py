"""Counts the problems of a reading, and keeps the first of them to be shown."""

from __future__ import annotations

from typing import Final

from emogen.sources import Problem

__all__ = ["ProblemCounts"]

SHOWN: Final = 10


class ProblemCounts:
    """What was wrong with rows of a source.

    Attributes:
        left_out: Rows of which there is no record.
        lacking: Records that lack something, and other remarks.
        shown: The first problems of both kinds.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self.lacking = 0
        self.shown: list[Problem] = []

    def add(self, problem: Problem) -> None:
        """Take note of a problem."""
        self.left_out += problem.left_out
        self.lacking += not problem.left_out
        if len(self.shown) < SHOWN:
            self.shown.append(problem)

    def lines(self) -> list[str]:
        """Return a line for each problem that is shown, and one for the rest."""
        lines = [f"{'left out' if problem.left_out else 'note:'} {problem}" for problem in self.shown]
        rest = self.left_out + self.lacking - len(self.shown)
        return [*lines, f"… and {rest:,} more"] if rest else lines
