"""The emotion that an answer starts from is a model's word, and no person's."""

from __future__ import annotations

from collections.abc import Iterator

from emogen.checks import Answer, Fault
from emogen.checks.settings import MachineLabel
from emogen.schemas import ImageRecord

__all__ = ["check", "machine_label"]


def check(answer: Answer, settings: MachineLabel) -> Iterator[Fault]:
    """The record says that a model chose its emotion."""
    if detail := machine_label(answer.record):
        yield Fault(detail)


def machine_label(record: ImageRecord) -> str | None:
    """Return which model chose the record's emotion; None where none did."""
    model = record.model_behind("emotion")
    return f"{record.emotion} is the word of {model}" if model and record.emotion else None
