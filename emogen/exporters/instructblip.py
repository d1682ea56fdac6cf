"""LAVIS's VQA annotations, which InstructBLIP is tuned on: one question-answer pair a row.

Source of the rules: salesforce/LAVIS 1.0.2, `COCOVQADataset` (training), `COCOVQAEvalDataset` and `VQATask`
(evaluation, which also wants a second file, the list of candidate answers).

Mind the text processor of the training configuration: `blip_question` and `blip_caption` lower-case the
question, take most of its punctuation out and cut it at 50 words (`max_words`). Nothing here is shortened for
that; raise `max_words` where questions are longer. Each row stands alone: earlier turns are not repeated.
"""

from __future__ import annotations

from collections.abc import Iterator

from emogen.errors import shorten
from emogen.exporters import Example, Layout, Problem, Row, Turns
from emogen.exporters.conversations import not_an_object
from emogen.exporters.images import check_image
from emogen.exporters.json_list import JsonList
from emogen.exporters.text import check_text, check_unicode
from emogen.resources import sha256_text

__all__ = ["InstructBlip", "question_id"]


def question_id(record_id: str, instruction: str, turn: int) -> int:
    """Return a number for turn `turn` (from 0) of a sample, the same in every export that holds it.

    63 bits, because LAVIS collates it to a tensor of int64 and calls `.item()` on it; from a hash, so that it
    stays when other samples are added. Among a million rows the chance of two alike is 1 in 18 million, and
    the export would list the second.
    """
    return int(sha256_text(record_id, instruction, str(turn))[:16], 16) >> 1


class InstructBlip:
    """InstructBLIP (LAVIS): VQA annotations, one question and answer a row."""

    layout: Layout = JsonList()
    turns: tuple[Turns, ...] = ("single",)
    bare_names: bool = False
    takes_plain: bool = True
    # `VQATask` drops all but one result of a question_id.
    unique: str | None = "question_id"

    def row(self, example: Example) -> Row:
        """Return `{question_id, question, image, answer: [str], dataset}`.

        `dataset` tells the kinds of instruction apart (`emogen-reasoning`); LAVIS does not read it.
        """
        turn = example.turns[0]
        return {
            "question_id": question_id(example.record_id, example.instruction, example.first),
            "question": turn.question,
            "image": example.image,
            "answer": [turn.answer],
            "dataset": f"emogen-{example.instruction}",
        }

    def check_row(self, row: object) -> list[Problem]:
        """Return the rules of LAVIS's VQA data sets that a row breaks."""
        if not isinstance(row, dict):
            return not_an_object(row)
        return [
            *_check_question_id(row.get("question_id")),
            *check_text("question", row.get("question")),
            *check_image(row.get("image")),
            *_check_answers(row.get("answer")),
            *check_unicode("dataset", row.get("dataset")),
        ]


def _check_question_id(value: object) -> Iterator[Problem]:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        yield Problem(
            "question_id",
            f"must be a whole number that int64 holds, 0 or more, not {shorten(repr(value), 40)}",
            "Number the rows.",
        )


def _check_answers(answers: object) -> Iterator[Problem]:
    if not isinstance(answers, list) or not answers:
        yield Problem(
            "answer",
            f"must be a list of at least one answer, not {shorten(repr(answers), 40)}: "
            "LAVIS takes each character of a string for an answer",
            "Write the answer in a list: [...].",
        )
        return
    for index, answer in enumerate(answers):
        yield from check_text(f"answer[{index}]", answer)
