"""Images of noise: no two alike, and none of anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def noise_images(folder: Path, count: int) -> Path:
    """Write so many images, 40 by 30 pixels, into a new folder, and return it."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        noise = random.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    return folder
