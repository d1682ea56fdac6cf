"""A linear probe on the same frozen features: what a classifier without any language gets from these drawings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from emogen.terminal import progress

__all__ = ["features", "probe"]

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
    train: Sequence[tuple[Path, str]],
    val: Sequence[tuple[Path, str]],
    asked: Sequence[Path],
) -> list[str]:
    """Return the labels of the drawings that are asked for, by logistic regression.

    Args:
        known: Drawing → features.
        train: Drawings with labels to learn from.
        val: Drawings with labels that choose the strength of the penalty.
        asked: Drawings to label.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def table(paths: Sequence[Path]) -> list[Sequence[float]]:
        return [known[path] for path in paths]

    learnt, labels = table([path for path, _ in train]), [label for _, label in train]
    fitted = [
        make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=2000)).fit(learnt, labels)
        for penalty in PENALTIES
    ]
    best = max(fitted, key=lambda model: model.score(table([p for p, _ in val]), [label for _, label in val]))
    return [str(label) for label in best.predict(table(asked))]
