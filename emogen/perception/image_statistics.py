"""EmoSet's two low-level attributes, measured on the pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

__all__ = ["brightness", "colorfulness"]

FULL_COLORFULNESS: Final = 85.59
_BLOCK_PIXELS: Final = 1_000_000


def brightness(image: Image) -> float:
    """Return the mean of max(R, G, B), the V of HSV: 0 (black) to 1, rounded to two decimals.

    Args:
        image: Mode RGB, as `read_rgb` returns it.
    """
    total = sum(int(block.max(axis=-1).sum()) for block in _blocks(image))
    return round(total / (image.width * image.height) / 255, 2)


def colorfulness(image: Image) -> float:
    """Return how colourful an image is: 0 (greys only) to 1, rounded to two decimals.

    This approximates EmoSet's attribute, whose normalisation is unpublished. The measure is that of
    Hasler and Süsstrunk, "Measuring colourfulness in natural images" (2003), from the opponent
    channels rg = R - G and yb = (R + G)/2 - B:
    sqrt(var(rg) + var(yb)) + 0.3 sqrt(mean(rg)² + mean(yb)²), over 85.59 and at most 1.

    Args:
        image: Mode RGB, as `read_rgb` returns it.
    """
    # Sums over whole numbers, a block of rows at a time: exact, and small for large images.
    sums = [0, 0, 0, 0]
    for block in _blocks(image):
        red, green, blue = (block[..., channel].astype("int32") for channel in range(3))
        rg, yb2 = red - green, red + green - 2 * blue
        for i, values in enumerate((rg, yb2, rg * rg, yb2 * yb2)):
            sums[i] += int(values.sum(dtype="int64"))
    pixels = image.width * image.height
    mean_rg, mean_yb = sums[0] / pixels, sums[1] / pixels / 2
    variance = sums[2] / pixels - mean_rg**2 + sums[3] / pixels / 4 - mean_yb**2
    measure = math.sqrt(max(variance, 0.0)) + 0.3 * math.hypot(mean_rg, mean_yb)
    return round(min(measure / FULL_COLORFULNESS, 1.0), 2)


def _blocks(image: Image) -> Iterator[NDArray[np.uint8]]:
    """Yield the pixels as arrays [rows, width, 3] of about a million pixels each."""
    import numpy as np

    rows = max(1, _BLOCK_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))
