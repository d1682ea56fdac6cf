from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from emogen.perception import image_statistics
from emogen.perception.image_statistics import brightness, colorfulness


def noise(height: int = 37, width: int = 53) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("color", "expected"), [("black", 0.0), ("white", 1.0), ("blue", 1.0), ((51, 0, 102), 0.4)]
)
def test_brightness_of_one_color(color: str | tuple[int, int, int], expected: float) -> None:
    """Brightness is the largest of the three channels, over 255."""
    assert brightness(Image.new("RGB", (3, 2), color)) == expected


@pytest.mark.parametrize("grey", [0, 90, 255])
def test_greys_have_no_colorfulness(grey: int) -> None:
    """A picture of greys has colorfulness 0."""
    assert colorfulness(Image.new("RGB", (3, 2), (grey, grey, grey))) == 0.0


def test_colorfulness_is_clipped() -> None:
    """The most colourful picture has colorfulness 1."""
    image = Image.new("RGB", (2, 2), "red")
    image.putpixel((0, 0), (0, 0, 255))
    assert colorfulness(image) == 1.0


def test_colorfulness_agrees_with_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sums over blocks give what the published formula gives on the whole picture."""
    monkeypatch.setattr(image_statistics, "_BLOCK_PIXELS", 200)
    image = Image.blend(noise(), Image.new("RGB", (53, 37), (90, 120, 60)), 0.7)
    red, green, blue = np.moveaxis(np.asarray(image, dtype=np.float64), -1, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    measure = np.sqrt(rg.var() + yb.var()) + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2)
    assert 0 < colorfulness(image) == round(measure / 85.59, 2) < 1


def test_brightness_agrees_with_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sums over blocks give the mean of max(R, G, B) of the whole picture."""
    monkeypatch.setattr(image_statistics, "_BLOCK_PIXELS", 200)
    image = noise()
    assert brightness(image) == round(np.asarray(image).max(axis=-1).mean() / 255, 2)
