"""A linear probe on the same frozen features: what a classifier without any language gets from these drawings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emogen.terminal import progress

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["features", "probe", "probe_at_its_best"]

PENALTIES: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def features(drawings: Sequence[Path]) -> dict[Path, list[float]]:
    """Return each drawing's features by the frozen encoder of `nano`, averaged over their 49 places (1280)."""
    import torch

    from emovit_train.efficientnet import PREPROCESSING, EfficientNetTokens
    from emovit_train.features import view_pixels

    encoder = EfficientNetTokens().eval()
    found = {}
    with torch.no_grad(), progress("features of the probe", len(drawings)) as advance:
        for path in drawings:
            (tokens,) = encoder(view_pixels(PREPROCESSING, path, None)[None])
            found[path] = tokens.mean(0).tolist()
            advance()
    return found


def probe(
    known: Mapping[Path, Sequence[float]],
    learnt: Sequence[Sequence[tuple[Path, str]]],
    asked: Sequence[Path],
) -> list[str]:
    """Return the labels of the drawings that are asked for, by logistic regression.

    The strength of its penalty is the one that does best when each trained style in turn is held out: what test B asks,
    asked of nothing but what is learnt from. Chosen on other emoji instead, the probe comes out up to 20 points weaker.

    Args:
        known: Drawing → features.
        learnt: For each trained style, drawings with labels to learn from.
        asked: Drawings to label.
    """

    def right(penalty: float) -> int:
        return sum(
            _right(
                _fitted(known, chain(*learnt[:held_out], *learnt[held_out + 1 :]), penalty),
                known,
                learnt[held_out],
            )
            for held_out in range(len(learnt))
        )

    best = _fitted(known, chain(*learnt), max(PENALTIES, key=right))
    return [str(label) for label in best.predict([known[path] for path in asked])]


def probe_at_its_best(
    known: Mapping[Path, Sequence[float]],
    learnt: Sequence[tuple[Path, str]],
    asked: Sequence[tuple[Path, str]],
) -> list[str]:
    """Return the labels that the probe says with the penalty that does best on what is asked.

    For choosing settings: the penalty is the probe's only one, and is chosen as the others are.

    Args:
        known: Drawing → features.
        learnt: Drawings with labels to learn from.
        asked: Drawings with labels to choose by.
    """
    models = [_fitted(known, learnt, penalty) for penalty in PENALTIES]
    best = max(models, key=lambda model: _right(model, known, asked))
    return [str(label) for label in best.predict([known[path] for path, _ in asked])]


def _fitted(
    known: Mapping[Path, Sequence[float]], learnt: Iterable[tuple[Path, str]], penalty: float
) -> Pipeline:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    paths, labels = zip(*learnt, strict=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=2000))
    return model.fit([known[path] for path in paths], labels)


def _right(model: Pipeline, known: Mapping[Path, Sequence[float]], asked: Sequence[tuple[Path, str]]) -> int:
    said = model.predict([known[path] for path, _ in asked])
    return sum(answer == label for answer, (_, label) in zip(said, asked, strict=True))
