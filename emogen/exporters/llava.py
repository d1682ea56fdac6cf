"""LLaVA's training list, for LLaVA-1.5 (conversation form `v1`) and the trainers that read the same.

Source of the rules: haotian-liu/LLaVA, `llava/train/train.py`: `LazySupervisedDataset`,
`preprocess_multimodal` and `preprocess_v1`. A row that breaks one either stops the training or, worse, is
masked or trained without its picture, with at most a line in the log.
"""

from __future__ import annotations

from emogen.exporters import Example, Layout, Problem, Row, Turns
from emogen.exporters.conversations import Consumer, check_conversation, conversation, not_an_object
from emogen.exporters.images import check_image
from emogen.exporters.json_list import JsonList
from emogen.exporters.text import VICUNA_MARKS, check_unicode

__all__ = ["Llava"]

_LLAVA = Consumer(
    "LLaVA",
    VICUNA_MARKS,
    odd="masks a question without an answer",
    missing="trains the row without its picture",
)


class Llava:
    """LLaVA: one conversation a row, the picture in its first turn."""

    layout: Layout = JsonList()
    turns: tuple[Turns, ...] = ("conversation", "single")
    bare_names: bool = False
    takes_plain: bool = True
    # LLaVA does not read `id`, and its own published sets repeat some.
    unique: str | None = None

    def row(self, example: Example) -> Row:
        """Return `{id, image, conversations: [{from, value}]}`."""
        return {
            "id": example.id,
            "image": example.image,
            "conversations": conversation(example.turns, image=True),
        }

    def check_row(self, row: object) -> list[Problem]:
        """Return the rules of LLaVA's loader that a row breaks."""
        if not isinstance(row, dict):
            return not_an_object(row)
        return [
            *check_unicode("id", row.get("id")),
            *(check_image(row["image"]) if "image" in row else ()),
            *check_conversation(row.get("conversations"), _LLAVA, image="image" in row),
        ]
