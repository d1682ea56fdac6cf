"""Answers as a good model writes them: hand-written for these tests, about images that do not exist."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from emogen.checks import Answer
from emogen.checks.findings import Examiner
from emogen.labels import LABEL_SETS
from emogen.schemas import Attributes, Completion, ImageRecord, Turn, TurnKind

EXAMINER = Examiner()
KINDS: dict[str, tuple[TurnKind, ...]] = {
    "conversation": ("basic", "basic", "advanced"),
    "reasoning": ("reasoning",),
}


def answers() -> Iterator[Answer]:
    lines = Path(__file__).with_name("good_answers.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, lines):
        record = ImageRecord(
            id=row["id"],
            image=f"{row['id']}.jpg",
            emotion=row["emotion"],
            caption=row["caption"],
            attributes=Attributes.model_validate(row["attributes"]),
        )
        for instruction, pairs in (("conversation", row["conversation"]), ("reasoning", [row["reasoning"]])):
            turns = [
                Turn(kind=kind, question=question, answer=answer)
                for kind, (question, answer) in zip(KINDS[instruction], pairs, strict=True)
            ]
            yield Answer(record, instruction, turns, Completion(text="", model="m"))


GOOD = list(answers())


@pytest.mark.parametrize("answer", GOOD, ids=[f"{one.record.id}-{one.instruction}" for one in GOOD])
def test_a_good_answer_passes(answer: Answer) -> None:
    """No check rejects or flags it."""
    assert EXAMINER.examine(answer).findings == []


def test_good_answers_are_many_and_varied() -> None:
    """At least forty, over all eight emotions, and every kind of turn that a model writes."""
    assert len(GOOD) >= 40
    assert {answer.record.emotion for answer in GOOD} == set(LABEL_SETS["mikels-8"])
    assert {turn.kind for answer in GOOD for turn in answer.turns} == set(get_args(TurnKind)) - {
        "categorical"
    }
