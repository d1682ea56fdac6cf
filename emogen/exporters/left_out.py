"""The samples that an export leaves out, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from emogen.exporters import Problem

__all__ = ["KEPT_PROBLEMS", "LeftOut"]

KEPT_PROBLEMS: Final = 1000


@dataclass
class LeftOut:
    """Counts samples, and keeps the first `KEPT_PROBLEMS` problems: where all are bad, all are so for few reasons.

    Attributes:
        samples: How many were left out.
        problems: Why.
    """

    samples: int = 0
    problems: list[Problem] = field(default_factory=list)

    def add(self, problems: list[Problem]) -> None:
        """Count one sample."""
        self.samples += 1
        self.problems += problems[: KEPT_PROBLEMS - len(self.problems)]
