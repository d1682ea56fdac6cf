"""Class by class: precision, recall and F1, and which label is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emogen.registry import require
from emovit_train.evaluation.answers import UNKNOWN
from emovit_train.evaluation.grouping import Key, OfImages, grouped
from emovit_train.evaluation.predictions import Prediction

__all__ = ["ClassScore", "Confusion", "class_scores", "confusions"]


class ClassScore(OfImages):
    """How well one label was found; shares are 0 to 1, and 0 where nothing was said or true.

    Attributes:
        label: The label.
        n: Images that have it.
        said: Answers that say it.
        precision: Share of these that are right.
        recall: Share of the images that have it for which it was said.
        f1: The harmonic mean of both.
    """

    label: str
    n: int
    said: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Confusion:
    """How often each label was said of each.

    Attributes:
        key: Whose answers.
        labels: The true labels, one a row.
        said: What was said, one a column: the same, and `unknown` where an answer could not be read.
        counts: Images, row by row.
    """

    key: Key
    labels: tuple[str, ...]
    said: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    def as_object(self) -> dict[str, Any]:
        """Return it as it is written in JSON."""
        return {**asdict(self.key), "labels": self.labels, "said": self.said, "counts": self.counts}


def class_scores(rows: Sequence[Prediction], *, by: Sequence[str] = ()) -> list[ClassScore]:
    """Return a row for each label, in option order, by scikit-learn's `precision_recall_fscore_support`."""
    found = []
    for key, group in grouped(rows, by).items():
        labels, true, said = _read(list(group.values()), key.reading)
        columns = _sklearn().precision_recall_fscore_support(true, said, labels=labels, zero_division=0)
        for label, precision, recall, f1, n in zip(labels, *(each.tolist() for each in columns), strict=True):
            found.append(
                ClassScore(
                    **asdict(key),
                    label=label,
                    n=n,
                    said=said.count(label),
                    precision=precision,
                    recall=recall,
                    f1=f1,
                )
            )
    return found


def confusions(rows: Sequence[Prediction], *, by: Sequence[str] = ()) -> list[Confusion]:
    """Return a matrix for each key, by scikit-learn's `confusion_matrix`."""
    found = []
    for key, group in grouped(rows, by).items():
        labels, true, said = _read(list(group.values()), key.reading)
        columns = [*labels, UNKNOWN] if UNKNOWN in said else labels
        counts = _sklearn().confusion_matrix(true, said, labels=columns)[: len(labels)]
        found.append(Confusion(key, tuple(labels), tuple(columns), tuple(map(tuple, counts.tolist()))))
    return found


def _read(rows: Sequence[Prediction], reading: str) -> tuple[list[str], list[str], list[str]]:
    """Return the labels in option order, the true one of each row, and what was said."""
    # Shuffled options come in one key only where the order is the same for all; records may differ in their sets.
    labels = list(dict.fromkeys(label for row in rows for label in row.labels))
    return labels, [str(row.label) for row in rows], [row.readings[reading] for row in rows]


def _sklearn() -> Any:
    return require("sklearn.metrics", extra="evaluate", purpose="Scoring class by class")
