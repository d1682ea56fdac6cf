"""Reads photographs, turns them into an encoder's input, and says early which ones cannot be read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emogen.errors import InputError
from emogen.image_file import read_rgb
from emogen.terminal import progress

if TYPE_CHECKING:
    import random

    from PIL.Image import Image
    from torch import Tensor

__all__ = ["Preprocessing", "check_images", "check_present", "random_crop"]

SHOWN = 3
DECODERS: Final = 4
# So many images take a second or more to decode.
MANY: Final = 200
# Of LAVIS' training processor: share of the photograph that a crop keeps, and width by height.
CROP_SCALE: Final = (0.5, 1.0)
CROP_RATIO: Final = (3 / 4, 4 / 3)
CROP_TRIES: Final = 10


@dataclass(frozen=True)
class Preprocessing:
    """How a photograph becomes an encoder's input: squashed to a square, as in evaluation by LAVIS, or its middle.

    Attributes:
        size: Height and width in pixels.
        mean: Of each RGB channel in 0 to 1, subtracted.
        std: Of each RGB channel, divided by.
        middle: Take the square in the middle, as CLIP does, instead of squashing.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    middle: bool = False

    def __call__(self, image: Image) -> Tensor:
        """Return the (3, size, size) float32 tensor of an RGB image, resized with bicubic filtering."""
        import numpy as np
        import torch
        from PIL.Image import Resampling

        square = (self.size, self.size)
        resized = self._middle(image) if self.middle else image.resize(square, Resampling.BICUBIC)
        pixels = torch.from_numpy(np.array(resized)).permute(2, 0, 1).float() / 255
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return (pixels - mean) / std

    def _middle(self, image: Image) -> Image:
        from PIL.Image import Resampling

        short = min(image.size)
        # Rounded down, as transformers' CLIPImageProcessor does.
        width, height = (self.size * side // short for side in image.size)
        left, top = (width - self.size) // 2, (height - self.size) // 2
        resized = image.resize((width, height), Resampling.BICUBIC)
        return resized.crop((left, top, left + self.size, top + self.size))

    def augmented(self, image: Image, rng: random.Random) -> Tensor:
        """Return a random view, made as LAVIS makes them for training: a crop of half the area or more, or its mirror.

        Args:
            image: RGB.
            rng: Decides; equal states give equal views.
        """
        from PIL import ImageOps

        left, top, width, height = random_crop(*image.size, rng)
        crop = image.crop((left, top, left + width, top + height))
        return self(ImageOps.mirror(crop) if rng.random() < 0.5 else crop)


def random_crop(width: int, height: int, rng: random.Random) -> tuple[int, int, int, int]:
    """Return left, top, width and height of a crop in pixels, drawn as torchvision's `RandomResizedCrop` draws it."""
    for _ in range(CROP_TRIES):
        area = width * height * rng.uniform(*CROP_SCALE)
        ratio = math.exp(rng.uniform(*map(math.log, CROP_RATIO)))
        across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < across <= width and 0 < down <= height:
            return rng.randint(0, width - across), rng.randint(0, height - down), across, down
    # A photograph so long and narrow that no such crop fits: its middle.
    across, down = min(width, round(height * CROP_RATIO[1])), min(height, round(width / CROP_RATIO[0]))
    return (width - across) // 2, (height - down) // 2, across, down


def check_present(
    paths: Iterable[Path], *, remedy: str = "Name the folder that they lie in: --image-root DIR"
) -> None:
    """Make sure that every photograph is there.

    Args:
        paths: The photographs.
        remedy: What to do about missing ones.

    Raises:
        InputError: some are missing; names the first few and their number.
    """
    wanted = sorted(set(paths))
    missing = [path for path in wanted if not path.is_file()]
    if missing:
        first = ", ".join(str(path) for path in missing[:SHOWN])
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise InputError(f"{len(missing)} of {len(wanted)} images are missing: {first}{more}", remedy=remedy)


def check_images(
    paths: Iterable[Path], *, remedy: str = "Name the folder that they lie in: --image-root DIR"
) -> None:
    """Make sure that every photograph is there and can be decoded, with progress where there are many.

    Args:
        paths: The photographs.
        remedy: What to do about missing ones.

    Raises:
        InputError: some are missing or cannot be decoded: the first few, what is wrong with them, and their number.
    """
    wanted = sorted(set(paths))
    check_present(wanted, remedy=remedy)
    faults: list[InputError] = []
    with ThreadPoolExecutor(DECODERS) as threads, _progress(len(wanted)) as advance:
        # Few at once, so that Ctrl-C waits for few.
        for start in range(0, len(wanted), MANY):
            for fault in threads.map(_fault, wanted[start : start + MANY]):
                advance()
                if fault is not None:
                    faults.append(fault)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        first = "; ".join(f"{fault.where}: {fault.what}" for fault in faults[:SHOWN])
        more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise InputError(
            f"{len(faults)} of {len(wanted)} images cannot be read: {first}{more}",
            remedy="Replace them, or leave their samples out: emogen export --check-images",
        )


def _fault(path: Path) -> InputError | None:
    try:
        read_rgb(path)
    except InputError as error:
        return error
    return None


def _progress(count: int) -> AbstractContextManager[Callable[[], object]]:
    return progress("checking images", count) if count >= MANY else nullcontext(lambda: None)
