"""Which emoji are learnt and which are kept back: three folds by emoji, and a validation part of the learnt ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from examples.miniature.scores import Scored

__all__ = ["FOLDS", "Fold", "folds"]

FOLDS: Final = 3
VALIDATION_SHARE: Final = 0.2


@dataclass(frozen=True)
class Fold:
    """One division of the emoji, by their codes.

    Attributes:
        train: Learnt.
        val: Learnt from in no way; settings are chosen on them.
        test: Kept back until the end.
    """

    train: frozenset[str]
    val: frozenset[str]
    test: frozenset[str]

    def split(self, code: str) -> str:
        """Return `train`, `val` or `test`."""
        return "train" if code in self.train else "val" if code in self.val else "test"


def folds(scored: Sequence[Scored], seed: int = 0) -> list[Fold]:
    """Divide the emoji three times, each label as evenly as it goes; every emoji is in one test part."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold, train_test_split

    codes = np.array([each.code for each in scored])
    labels = np.array([each.label for each in scored])
    made = []
    for learnt, kept_back in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(codes, labels):
        train, val = train_test_split(
            learnt, test_size=VALIDATION_SHARE, random_state=seed, stratify=labels[learnt]
        )
        made.append(Fold(*(frozenset(codes[part].tolist()) for part in (train, val, kept_back))))
    return made
