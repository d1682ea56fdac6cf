"""Frozen image features: each photograph goes through the encoder once for all questions about it.

`ImageFeatures` keeps the plain view of every photograph, for measuring and asking. Training reads a `ViewSource`,
pool by pool: `FreshViews` gives each photograph one view of its own per epoch; `emovit_train.feature_cache` reads
views that were computed before.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from emogen.image_file import read_rgb
from emogen.terminal import progress

if TYPE_CHECKING:
    from torch import Tensor

    from emovit_train.images import Preprocessing
    from emovit_train.model import Assembly

__all__ = ["FreshViews", "ImageFeatures", "PoolFeatures", "ViewSource", "encode_views", "view_pixels"]

DECODERS: Final = 4
# Views per call of the encoder on a GPU. On a CPU it is one: there, more at once are not quicker.
ENCODED_AT_ONCE: Final = 32


class PoolFeatures:
    """Features of the photographs of one pool.

    Args:
        known: Photograph → (N, D).
    """

    def __init__(self, known: dict[Path, Tensor]) -> None:
        self._known = known

    def batch(self, paths: Sequence[Path]) -> Tensor:
        """Return the features (len(paths), N, D)."""
        import torch

        return torch.stack([self._known[path] for path in paths])


class ViewSource(Protocol):
    """Where training gets its views from."""

    def pool(self, paths: Iterable[Path], epoch: int) -> PoolFeatures:
        """Return the features of one view of each photograph in this epoch (from 1).

        The same photographs and epoch give the same features, so that a run which goes on repeats them.

        Raises:
            InputError: a photograph cannot be read.
        """


class FreshViews:
    """Views that are cropped and encoded when they are needed, and forgotten with their pool.

    Args:
        model: Whose encoder and preprocessing are used.
        augment: Crop and flip at random, anew in each epoch; else the plain view.
        seed: Of the run.
    """

    def __init__(self, model: Assembly, *, augment: bool, seed: int) -> None:
        self._model = model
        self._augment = augment
        self._seed = seed

    def pool(self, paths: Iterable[Path], epoch: int) -> PoolFeatures:
        """See `ViewSource`."""
        wanted = sorted(set(paths))
        seed = f"{self._seed} {epoch}" if self._augment else None

        def pixels(path: Path) -> Tensor:
            return view_pixels(self._model.preprocessing, path, seed)

        return PoolFeatures(dict(zip(wanted, encode_views(self._model, wanted, pixels), strict=True)))


def view_pixels(preprocessing: Preprocessing, path: Path, seed: str | None) -> Tensor:
    """Return the encoder's input (3, size, size) of a photograph: the plain view, or a random one.

    Args:
        preprocessing: The encoder's.
        path: The photograph.
        seed: With the photograph's name it decides on crop and flip, on any machine and in any order; None is the
            plain view.
    """
    image = read_rgb(path)
    if seed is None:
        return preprocessing(image)
    # The folder's name as well, but not where it lies: data may be moved between two runs.
    name = "/".join(path.parts[-2:])
    return preprocessing.augmented(image, random.Random(f"view {seed} {name}"))


def encode_views(
    model: Assembly, paths: Sequence[Path], pixels: Callable[[Path], Tensor]
) -> Iterator[Tensor]:
    """Yield the features (N, D) of each photograph in order; files are decoded ahead, in threads."""
    import torch

    at_once = ENCODED_AT_ONCE if model.device.type == "cuda" else 1
    together: list[Tensor] = []
    for number, view in enumerate(_ahead(paths, pixels, 2 * max(at_once, DECODERS)), 1):
        together.append(view)
        if len(together) == at_once or number == len(paths):
            yield from model.encode_images(torch.stack(together))
            together = []


def _ahead(paths: Sequence[Path], pixels: Callable[[Path], Tensor], window: int) -> Iterator[Tensor]:
    with ThreadPoolExecutor(DECODERS) as threads:
        waiting: list[Future[Tensor]] = []
        try:
            for path in paths:
                waiting.append(threads.submit(pixels, path))
                if len(waiting) > window:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()


class ImageFeatures:
    """The plain views' features by path; the frozen encoder sees each photograph once.

    Args:
        model: Whose encoder and preprocessing are used.
    """

    def __init__(self, model: Assembly) -> None:
        self._model = model
        self._known: dict[Path, Tensor] = {}

    def compute(self, paths: Iterable[Path]) -> None:
        """Compute the features that are not known yet, with progress.

        Raises:
            InputError: a photograph is missing or cannot be decoded.
        """
        new = sorted(set(paths) - self._known.keys())
        if not new:
            return

        def pixels(path: Path) -> Tensor:
            return view_pixels(self._model.preprocessing, path, None)

        with progress("image features", len(new)) as advance:
            for path, features in zip(new, encode_views(self._model, new, pixels), strict=True):
                self._known[path] = features
                advance()

    def pool(self, paths: Iterable[Path], epoch: int) -> PoolFeatures:
        """See `ViewSource`: the plain view, the same in all epochs, kept for the run."""
        self.compute(paths)
        return PoolFeatures(self._known)

    def batch(self, paths: Sequence[Path]) -> Tensor:
        """Return the features (len(paths), N, D), computing what is missing."""
        import torch

        if any(path not in self._known for path in paths):
            self.compute(paths)
        return torch.stack([self._known[path] for path in paths])
