"""Predictions made by hand."""

from __future__ import annotations

from emovit_train.evaluation.predictions import Prediction, read_answer

LABELS = ("awe", "fear")


def row(number: int, label: str | None, answer: str, **told: object) -> Prediction:
    defaults: dict[str, object] = {"model": "m", "instruction": "paper-1", "group": "held-out test"}
    given = {
        "dataset": "d",
        "item_id": str(number),
        "image": f"{number}.jpg",
        "label": label,
        "labels": LABELS,
    }
    return read_answer(
        Prediction.model_validate({**defaults, **given, "question": "Which?", "answer": answer, **told})
    )
