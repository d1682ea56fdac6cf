"""LLaVA's list as LAVIS reads it: the first question and answer of each row.

Source of the rules: salesforce/LAVIS, `lavis/datasets/datasets/llava150k_dataset.py`, `LLaVA150kInstructDataset`.
The text processor is applied to the answer, too: `blip_caption` would lower-case it, take punctuation out and cut
it at `max_words`, so that `blip_question` with a large `max_words`, or none, is what to train with.
"""

from __future__ import annotations

from typing import Final

from emogen.exporters import Example, Layout, Problem, Row, Turns
from emogen.exporters.conversations import (
    Consumer,
    check_conversation,
    check_one_pair,
    conversation,
    not_an_object,
)
from emogen.exporters.images import check_image
from emogen.exporters.json_list import JsonList
from emogen.exporters.text import VICUNA_MARKS, check_unicode

__all__ = ["LavisLlava"]

_LAVIS: Final = Consumer(
    "LAVIS",
    VICUNA_MARKS,
    odd="reads an answer for each question",
    missing="shows the picture all the same, other readers of the list do not",
)


class LavisLlava:
    """LAVIS, LLaVA-Instruct: LLaVA's list, one question and answer a row."""

    layout: Layout = JsonList()
    turns: tuple[Turns, ...] = ("single",)
    bare_names: bool = False
    takes_plain: bool = True
    unique: str | None = None

    def row(self, example: Example) -> Row:
        """Return `{id, image, conversations: [{from, value}, {from, value}]}`."""
        return {
            "id": example.id,
            "image": example.image,
            "conversations": conversation(example.turns, image=True),
        }

    def check_row(self, row: object) -> list[Problem]:
        """Return the rules of LAVIS's loader that a row breaks."""
        if not isinstance(row, dict):
            return not_an_object(row)
        turns = row.get("conversations")
        return [
            *check_unicode("id", row.get("id")),
            *check_image(row.get("image")),
            *check_conversation(turns, _LAVIS, image=True),
            *check_one_pair(turns, _LAVIS),
        ]
