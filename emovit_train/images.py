"""Reads photographs, and says which ones cannot be read before any work is done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emogen.errors import InputError
from emogen.image_file import read_rgb

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

__all__ = ["Preprocessing", "check_images"]

SHOWN = 3


@dataclass(frozen=True)
class Preprocessing:
    """How a photograph becomes an encoder's input: squashed to a square, as in evaluation by LAVIS.

    Attributes:
        size: Height and width in pixels.
        mean: Of each RGB channel in 0 to 1, subtracted.
        std: Of each RGB channel, divided by.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, image: Image) -> Tensor:
        """Return the (3, size, size) float32 tensor of an RGB image, resized with bicubic filtering."""
        import numpy as np
        import torch
        from PIL.Image import Resampling

        resized = image.resize((self.size, self.size), Resampling.BICUBIC)
        pixels = torch.from_numpy(np.array(resized)).permute(2, 0, 1).float() / 255
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return (pixels - mean) / std


def check_images(
    paths: Iterable[Path], *, remedy: str = "Name the folder that they lie in: --images DIR"
) -> None:
    """Make sure that every photograph is there and can be decoded.

    Args:
        paths: The photographs.
        remedy: What to do about missing ones.

    Raises:
        InputError: some are missing (the first few and their number), or one is corrupt.
    """
    wanted = sorted(set(paths))
    missing = [path for path in wanted if not path.is_file()]
    if missing:
        first = ", ".join(str(path) for path in missing[:SHOWN])
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise InputError(
            f"{len(missing)} of {len(wanted)} images are missing: {first}{more}",
            remedy=remedy,
        )
    for path in wanted:
        read_rgb(path)
