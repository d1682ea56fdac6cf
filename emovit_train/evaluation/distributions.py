"""How near a ranking's probabilities are to what people voted, where a data set keeps their votes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from emogen.errors import InputError
from emogen.registry import require
from emovit_train.evaluation.grouping import OfPredictions
from emovit_train.evaluation.predictions import Prediction

__all__ = ["DistributionScore", "distribution_scores", "divergence"]


class DistributionScore(OfPredictions):
    """Kullback-Leibler divergence of a model's label probabilities from people's votes, in nats; 0 is equal.

    Its `reading` is sum or mean: which scores were made into probabilities, by a softmax over the options.

    Attributes:
        n: Images with votes; those whose votes tie are among them.
        kl: Mean over the images.
        uniform: Baseline: that of equal probabilities.
        mean_votes: Baseline: that of the mean votes of these very images, the best that is blind to them.
    """

    n: int
    kl: float
    uniform: float
    mean_votes: float


def divergence(votes: Mapping[str, float], scores: Mapping[str, float]) -> float:
    """Return KL(votes ‖ softmax(scores)) in nats.

    Args:
        votes: Label → share; what they sum to is taken for 1.
        scores: Label → log-probability, of all labels that have votes.

    Raises:
        InputError: a label with votes has no score, or there are no votes.
    """
    without = sorted(label for label, share in votes.items() if share and label not in scores)
    if without or not sum(votes.values()):
        raise InputError(
            f"votes for {without[0]!r}, which was no option" if without else "no votes",
            remedy="Evaluate with the labels that were voted on.",
        )
    labels = list(scores)
    special: Any = require("scipy.special", extra="evaluate", purpose="Scoring distributions")
    shares = [votes.get(label, 0) / sum(votes.values()) for label in labels]
    # In logarithms: the probability of a far-off label rounds to 0, whose logarithm is infinite.
    logs = special.log_softmax([scores[label] for label in labels]).tolist()
    cross: float = -sum(share * log for share, log in zip(shares, logs, strict=True))
    own: float = sum(special.entr(shares).tolist())
    # Rounding may put what is equal a trifle below 0.
    return max(0.0, cross - own)


def distribution_scores(rows: Sequence[Prediction]) -> list[DistributionScore]:
    """Return a row for each data set, group, model, instruction and norm that has rankings of images with votes."""
    groups: dict[tuple[str, str, str, str, int | None], list[Prediction]] = defaultdict(list)
    for row in rows:
        if row.distribution is not None and row.ranking is not None:
            groups[row.dataset, row.group, row.model, row.instruction, row.order].append(row)
    return [
        DistributionScore(
            dataset=dataset,
            group=group,
            model=model,
            instruction=instruction,
            order=order,
            reading=way,
            n=len(found),
            kl=_mean([divergence(_votes(row), _scores(row, way)) for row in found]),
            uniform=_mean([divergence(_votes(row), dict.fromkeys(row.labels, 0.0)) for row in found]),
            mean_votes=_of_mean_votes(found),
        )
        for (dataset, group, model, instruction, order), found in groups.items()
        for way in ("sum", "mean")
    ]


def _votes(row: Prediction) -> Mapping[str, float]:
    return row.distribution or {}


def _scores(row: Prediction, way: str) -> Mapping[str, float]:
    assert row.ranking is not None
    return row.ranking.by(way)


def _of_mean_votes(rows: Sequence[Prediction]) -> float:
    labels = list(dict.fromkeys(label for row in rows for label in row.labels))
    shares = [
        _mean([_votes(row).get(label, 0) / sum(_votes(row).values()) for row in rows]) for label in labels
    ]
    numpy: Any = require("numpy", extra="evaluate", purpose="Scoring distributions")
    logs = {label: float(numpy.log(share)) for label, share in zip(labels, shares, strict=True) if share}
    return _mean([divergence(_votes(row), logs) for row in rows])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
