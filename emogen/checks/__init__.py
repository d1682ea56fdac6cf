"""What makes a parsed answer unfit: each check is one file with one reason code.

A check returns what it saw, or None. What happens then is the table's: `reject` the sample, `flag` it, or `off`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from emogen.registry import Registry
from emogen.schemas import Completion, ImageRecord, Turn

__all__ = ["ACTIONS", "CHECKS", "Action", "Answer", "Finding", "findings"]

Action = Literal["reject", "flag", "off"]


@dataclass(frozen=True)
class Answer:
    """A parsed answer with what it was made from."""

    record: ImageRecord
    instruction: str
    turns: Sequence[Turn]
    completion: Completion


@dataclass(frozen=True)
class Finding:
    """What a check saw."""

    reason: str
    detail: str
    action: Action


CHECKS: Registry[Callable[[Answer], str | None]] = Registry(
    "check",
    "emogen.checks",
    {
        "truncated": "emogen.checks.truncated:check",
        "refusal": "emogen.checks.refusal:check",
        "length": "emogen.checks.length:check",
        "source_leak": "emogen.checks.source_leak:check",
        "label_conflict": "emogen.checks.label_conflict:check",
        "question_leak": "emogen.checks.question_leak:check",
    },
)

# Only what differs from `reject`: a reasoning question may well name the emotion that it asks about.
ACTIONS: Final[dict[str, dict[str, Action]]] = {"question_leak": {"reasoning": "off"}}


def findings(answer: Answer) -> Iterator[Finding]:
    """Run every check over `answer`, the cheap and decisive ones first."""
    for reason in CHECKS.targets():
        action = ACTIONS.get(reason, {}).get(answer.instruction, "reject")
        if action == "off":
            continue
        detail = CHECKS.get(reason)(answer)
        if detail is not None:
            yield Finding(reason, detail, action)
