"""Affective reasoning: is the reason that a model gives one for the label that it says, and is it in the picture?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from emogen.checks import Answer, Score
from emogen.checks.settings import Ungrounded
from emogen.checks.ungrounded import check
from emogen.schemas import Attributes, Completion, ImageRecord, Turn
from emovit_train.evaluation.answers import UNKNOWN, read_lenient, read_strict
from emovit_train.evaluation.predictions import Prediction
from emovit_train.evaluation.statistics import interval
from emovit_train.reproduction.measures import Answered, Measure, Value

__all__ = ["REASONING", "Reasoned", "read_reason", "unsupported_share"]

_REASON: Final = re.compile(r"\breason(?:ing)?\s*:\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Reasoned:
    """An answer in two parts.

    Attributes:
        label: What is said before the reason, read leniently; `unknown` where nothing is.
        reason: The reason; empty where none is given.
        in_form: Whether it is "Predicted emotion: ... Reason: ...", with a label of the options.
        named: The label that the reason itself names; `unknown` where it names none, or two.
    """

    label: str
    reason: str
    in_form: bool
    named: str


def read_reason(row: Prediction) -> Reasoned:
    """Take an answer apart."""
    said = row.answer or ""
    parts = _REASON.split(said, maxsplit=1)
    reason = parts[1].strip() if len(parts) > 1 else ""
    return Reasoned(
        label=read_lenient(parts[0], row.labels, row.question),
        reason=reason,
        in_form=bool(reason) and read_strict(said, row.labels) != UNKNOWN,
        named=read_lenient(reason, row.labels) if reason else UNKNOWN,
    )


def unsupported_share(record: ImageRecord, question: str, reason: str) -> float | None:
    """Return the share of a reason's claims that neither caption nor attributes support, 0 to 1.

    The claims are those that `emogen` looks for in generated answers: objects, scenes, expressions and actions of
    EmoSet's vocabularies. None where there is no claim, or nothing is known of the image.
    """
    if record.caption is None and not _says_something(record.attributes):
        return None
    turn = Turn(question=question, answer=reason, kind="reasoning")
    answer = Answer(record, "reasoning", (turn,), Completion(text=reason, model=""))
    found = [each.value for each in check(answer, Ungrounded()) if isinstance(each, Score)]
    return found[0] if found else None


def _says_something(known: Attributes) -> bool:
    return bool(known.scene or known.object or known.facial_expression or known.human_action)


def _reasoning(answered: Answered) -> Mapping[str, Value]:
    rows = [row for row in answered.rows if row.answer is not None and row.label is not None]
    read = [read_reason(row) for row in rows]
    given = [each for each in read if each.reason and each.label != UNKNOWN]
    naming = [each for each in given if each.named != UNKNOWN]
    return {
        "accuracy": _share([each.label == row.label for each, row in zip(read, rows, strict=True)]),
        "in the form": _share([each.in_form for each in read]),
        "consistent": _share([each.named in (each.label, UNKNOWN) for each in given]),
        "consistent, of those that name an emotion": _share([each.named == each.label for each in naming]),
        "grounded": _share(list(_grounded(answered, rows, read))),
    }


def _grounded(answered: Answered, rows: Sequence[Prediction], read: Sequence[Reasoned]) -> Iterator[float]:
    for row, each in zip(rows, read, strict=True):
        if each.reason:
            share = unsupported_share(answered.records[row.item_id], row.question, each.reason)
            if share is not None:
                yield 1 - share


def _share(values: Sequence[float]) -> Value:
    if not values:
        return Value(None, 0)
    low, high = interval(values)
    return Value(sum(values) / len(values), len(values), low, high)


REASONING: Final = Measure(
    "share (%)",
    _reasoning,
    about=(
        "Accuracy: the label before the reason. In the form: `Predicted emotion: ... Reason: ...`. Consistent: of the "
        "answers with a label and a reason, those whose reason names no other label. Grounded: the mean share of a "
        "reason's claims (objects, scenes, expressions, actions) that the image's caption or attributes support, over "
        "the reasons that make such claims about images of which something is known."
    ),
)
