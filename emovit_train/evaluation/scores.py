"""From predictions to scores: a row for each data set, group, model, instruction and way of reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import exp

from emovit_train.evaluation.answers import UNKNOWN
from emovit_train.evaluation.grouping import Key, OfImages, grouped, units_of
from emovit_train.evaluation.metrics import accuracy, macro_f1, majority_share
from emovit_train.evaluation.predictions import Prediction, Ranking
from emovit_train.evaluation.statistics import calibration_error, interval

__all__ = ["Score", "score"]


class Score(OfImages):
    """How well one model answered; shares are 0 to 1.

    Attributes:
        n: Images with a label.
        accuracy: Share of right labels; `unknown` is wrong.
        low: Lower end of its 95% bootstrap interval.
        high: Upper end.
        macro_f1: Over labels that are true or predicted.
        unknown: Share of answers that could not be read.
        majority: Baseline: always the most frequent true label.
        random: Baseline: an option drawn at random.
        ece: Expected calibration error, of rankings.
        units: Units that the interval resamples, where they are not the images.
    """

    n: int
    accuracy: float
    low: float
    high: float
    macro_f1: float
    unknown: float
    majority: float
    random: float
    ece: float | None = None
    units: int | None = None


def score(rows: Sequence[Prediction], *, by: Sequence[str] = (), unit: str | None = None) -> list[Score]:
    """Return the scores, in the order in which the groups first come.

    Args:
        rows: Predictions.
        by: Strata that are scored apart.
        unit: The stratum whose values the interval resamples; by default each image is a unit of its own. Several
            images of one thing are no independent draws, and an interval over images would be too narrow.

    Raises:
        InputError: an image comes twice, or lacks a stratum.
    """
    return [_score(key, list(found.values()), unit) for key, found in grouped(rows, by).items()]


def _score(key: Key, rows: Sequence[Prediction], unit: str | None) -> Score:
    true, said = [str(row.label) for row in rows], [row.readings[key.reading] for row in rows]
    hits = [row.hit(key.reading) for row in rows]
    units = units_of(rows, unit)
    low, high = interval(hits, units=units)
    ranked = [row.ranking for row in rows if row.ranking is not None]
    return Score(
        **asdict(key),
        n=len(rows),
        accuracy=accuracy(true, said),
        low=low,
        high=high,
        macro_f1=macro_f1(true, said),
        unknown=said.count(UNKNOWN) / len(said),
        majority=majority_share(true),
        random=sum(1 / len(row.labels) for row in rows) / len(rows),
        ece=calibration_error([_confidence(each, key.reading) for each in ranked], hits)
        if key.reading in ("sum", "mean")
        else None,
        units=len(set(units)) if units is not None else None,
    )


def _confidence(ranking: Ranking, way: str) -> float:
    """Return the chosen label's share of the candidates' probability."""
    scores = ranking.by(way)
    highest = max(scores.values())
    return 1 / sum(exp(value - highest) for value in scores.values())
