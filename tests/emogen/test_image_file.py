from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from awkward_images import bomb
from PIL import Image

from emogen.errors import InputError
from emogen.image_file import read_rgb


def first_pixel(image: Image.Image) -> tuple[int, ...]:
    pixel = image.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return pixel


@pytest.mark.parametrize(
    ("mode", "color", "suffix", "expected"),
    [
        ("RGB", (10, 20, 30), ".png", (10, 20, 30)),
        ("L", 100, ".png", (100, 100, 100)),
        ("1", 1, ".png", (255, 255, 255)),
        ("LA", (0, 255), ".png", (0, 0, 0)),
        ("RGBA", (255, 0, 0, 0), ".png", (255, 255, 255)),
        ("RGBA", (255, 0, 0, 255), ".webp", (255, 0, 0)),
        ("CMYK", (0, 255, 255, 0), ".tif", (255, 0, 0)),
        ("I;16", 65535, ".png", (255, 255, 255)),
        ("I;16", 257 * 90, ".tif", (90, 90, 90)),
        ("I", 257 * 90, ".tif", (90, 90, 90)),
    ],
)
def test_modes(tmp_path: Path, mode: str, color: object, suffix: str, expected: tuple[int, ...]) -> None:
    """Every kind of pixels becomes 8-bit RGB on a white page."""
    path = tmp_path / f"image{suffix}"
    Image.new(mode, (4, 3), color).save(path, lossless=True)  # type: ignore[arg-type]  # one colour type per mode
    image = read_rgb(path)
    assert (image.mode, image.size) == ("RGB", (4, 3))
    assert first_pixel(image) == pytest.approx(expected, abs=2)


def test_transparent_palette(tmp_path: Path) -> None:
    """The transparent colour of a palette shows white."""
    path = tmp_path / "image.gif"
    image = Image.new("P", (4, 3), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.save(path, transparency=0)
    assert first_pixel(read_rgb(path)) == (255, 255, 255)


def test_upright(tmp_path: Path) -> None:
    """A photograph that a camera stored on its side is turned upright."""
    path = tmp_path / "image.png"
    image = Image.fromarray(np.array([[[255, 0, 0], [0, 0, 255]]], dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(path, exif=exif)
    upright = read_rgb(path)
    assert upright.size == (1, 2)
    assert first_pixel(upright) == (255, 0, 0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not an image"),
        (b"hello", "not an image"),
        (bomb(), "more than 89,478,485 pixels. Make the image smaller."),
    ],
)
def test_unusable_content(tmp_path: Path, content: bytes, expected: str) -> None:
    """A file that is no image, or a decompression bomb, is refused by name."""
    path = tmp_path / "image.png"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_rgb(path)
    assert str(path) in str(caught.value)
    assert expected in str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif", ".bmp", ".tif", ".webp"])
def test_truncated(tmp_path: Path, suffix: str) -> None:
    """An image cut off anywhere is an InputError or an image, never another exception."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    path = tmp_path / f"image{suffix}"
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    refused = 0
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:length])
        try:
            read_rgb(path)
        except InputError:
            refused += 1
    assert refused > 30


def test_unknown_range(tmp_path: Path) -> None:
    """Floating-point pixels are refused, since nobody says what is white."""
    path = tmp_path / "image.tif"
    Image.new("F", (4, 3), 0.5).save(path)
    with pytest.raises(InputError, match="unknown range"):
        read_rgb(path)


@pytest.mark.parametrize("name", ["missing.png", "nul\0.png"])
def test_missing(tmp_path: Path, name: str) -> None:
    """A name that leads to no file is refused."""
    with pytest.raises(InputError, match="no such image"):
        read_rgb(tmp_path / name)
