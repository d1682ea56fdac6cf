"""From a sample to its examples: the whole conversation, or each question and answer for itself."""

from __future__ import annotations

from emogen.errors import shorten
from emogen.exporters import Example, Turns
from emogen.stored import StoredSample

__all__ = ["examples_of", "place_of"]


def examples_of(sample: StoredSample, image: str, turns: Turns) -> list[Example]:
    """Return the examples of one sample, in dialogue order.

    Args:
        sample: The sample.
        image: How its rows name the image.
        turns: What one example may hold.
    """
    record, instruction, held = sample.record, sample.instruction, sample.turns
    name = f"{record.id}/{instruction}"
    if turns == "conversation" or len(held) == 1:
        return [Example(name, record.id, instruction, 0, image, record.emotion, held, turns)]
    return [
        Example(f"{name}/{number}", record.id, instruction, number, image, record.emotion, (turn,), turns)
        for number, turn in enumerate(held)
    ]


def place_of(example: Example, of: int) -> str:
    """Return where a problem is: the sample, and which of its `of` turns."""
    name = shorten(f"{example.record_id}/{example.instruction}")
    return name if of == 1 else f"{name} (turn {example.first + 1} of {of})"
