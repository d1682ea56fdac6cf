"""The instruction list of EmoVIT's own repository: one question and answer a row, no token for the picture.

Source of the layout: aimmemotion/EmoVIT, `emo/all.py`, which writes it (as `all.json`), and of the rules
`LAVIS/lavis/datasets/datasets/coco_vqa_datasets.py`, `COCOVQADataset`, which reads it for training, and
`blip2_vicuna_instruct.py`. All images lie in one folder, so that rows hold bare file names. The configuration of
its training (`FT.yaml`) has `blip_caption` prepare the questions: lower case, little punctuation, `max_words` words.
"""

from __future__ import annotations

import posixpath
import re
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

__all__ = ["EmoVit"]

_EMOVIT: Final = Consumer(
    "EmoVIT",
    {**VICUNA_MARKS, "Complex": "which the model cuts out of every answer"},
    odd="reads an answer for each question",
    missing="",
)
# EmoSet's file names, of which the repository takes the number for the row's id.
_EMOSET_NAME: Final = re.compile(r"[a-z]+_(\d{5})\.\w+")


class EmoVit:
    """EmoVIT's repository: one question and answer a row, images by their bare names."""

    layout: Layout = JsonList()
    turns: tuple[Turns, ...] = ("single",)
    bare_names: bool = True
    takes_plain: bool = False
    # Its own ids are numbers within a class.
    unique: str | None = None

    def row(self, example: Example) -> Row:
        """Return `{id, image, conversations: [{from, value}, {from, value}]}`."""
        name = posixpath.basename(example.image)
        numbered = _EMOSET_NAME.fullmatch(name)
        return {
            "id": numbered.group(1) if numbered else example.record_id,
            "image": name,
            "conversations": conversation(example.turns, image=False),
        }

    def check_row(self, row: object) -> list[Problem]:
        """Return the rules of EmoVIT's loader and model that a row breaks."""
        if not isinstance(row, dict):
            return not_an_object(row)
        turns = row.get("conversations")
        return [
            *check_unicode("id", row.get("id")),
            *check_image(row.get("image")),
            *check_conversation(turns, _EMOVIT, image=False),
            *check_one_pair(turns, _EMOVIT),
        ]
