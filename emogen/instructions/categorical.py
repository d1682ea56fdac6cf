"""Categorical: the paper's question over the label set and its answer. No language model is asked."""

from __future__ import annotations

from typing import Final

from emogen.instructions import Unreadable
from emogen.protocol import categorical_answer, categorical_question
from emogen.schemas import ImageRecord, Turn

__all__ = ["Categorical"]


class Categorical:
    """Which of the labels fits the image (paper, section 3.2 and Figure 10); no language model is asked."""

    name: Final = "categorical"
    asks_model: Final = False

    def turns(self, record: ImageRecord) -> tuple[Turn, ...] | Unreadable:
        """Return the single turn of `record`; unreadable where it has no emotion."""
        if record.emotion is None:
            return Unreadable("no_emotion", "the record has no emotion label")
        return (
            Turn(
                question=categorical_question(record.labels),
                answer=categorical_answer(record.emotion),
                kind="categorical",
            ),
        )
