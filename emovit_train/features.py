"""Frozen image features, computed once per photograph and kept in memory for the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emogen.image_file import read_rgb
from emogen.terminal import progress

if TYPE_CHECKING:
    from torch import Tensor

    from emovit_train.model import EmoVIT

__all__ = ["ImageFeatures"]


class ImageFeatures:
    """The features of photographs by path; the frozen encoder sees each photograph once.

    Args:
        model: Whose encoder and preprocessing are used.
    """

    def __init__(self, model: EmoVIT) -> None:
        self._model = model
        self._known: dict[Path, Tensor] = {}

    def compute(self, paths: Iterable[Path]) -> None:
        """Compute the features that are not known yet, with progress.

        Raises:
            InputError: a photograph is missing or cannot be decoded.
        """
        new = sorted(set(paths) - self._known.keys())
        with progress("image features", len(new)) as advance:
            for path in new:
                # One by one: the result does not depend on which photographs come together.
                pixels = self._model.preprocessing(read_rgb(path))
                self._known[path] = self._model.encode_images(pixels[None])[0]
                advance()

    def batch(self, paths: Sequence[Path]) -> Tensor:
        """Return the features (len(paths), N, D), computing what is missing."""
        import torch

        if any(path not in self._known for path in paths):
            self.compute(paths)
        return torch.stack([self._known[path] for path in paths])
