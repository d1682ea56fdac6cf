"""Photographs are read as a person sees them, or refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from awkward_images import BROKEN, USABLE, write_awkward
from PIL import Image

from emogen.errors import InputError
from emogen.image_file import read_rgb
from emovit_train.images import Preprocessing, check_images


def test_exif_orientation_is_honoured(tmp_path: Path) -> None:
    """A photograph that its camera stored lying down stands upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)
    assert read_rgb(tmp_path / "a.jpg").size == (20, 40)


def test_palettes_and_greys_become_rgb(tmp_path: Path) -> None:
    """Whatever the file's colour mode, three channels come out."""
    Image.new("L", (4, 4), 200).save(tmp_path / "grey.png")
    assert read_rgb(tmp_path / "grey.png").getpixel((0, 0)) == (200, 200, 200)


def test_missing_images_are_counted_and_listed(tmp_path: Path) -> None:
    """The first few missing photographs are named, and all are counted."""
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    with pytest.raises(InputError, match=r"5 of 5 images are missing: .*0\.png.* and 2 more"):
        check_images(paths)


def test_corrupt_image_is_named(tmp_path: Path) -> None:
    """A file that is cut short is refused by name."""
    whole = tmp_path / "whole.png"
    Image.effect_noise((64, 64), 50).save(whole)
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:600])
    (tmp_path / "text.jpg").write_text("no image")
    for name in ("cut.png", "text.jpg"):
        with pytest.raises(InputError, match=rf"{name}: (not an image|damaged image)"):
            check_images([tmp_path / name])


def test_preprocessing_is_that_of_transformers(tmp_path: Path) -> None:
    """Size, resampling and normalisation equal those of BLIP's image processor."""
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    image = Image.merge("RGB", [Image.effect_noise((50, 30), 60) for _ in range(3)])
    mean, std = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)
    processor = BlipImageProcessorPil(size={"height": 28, "width": 28}, image_mean=mean, image_std=std)
    expected = processor(image, return_tensors="pt")["pixel_values"][0]
    torch.testing.assert_close(Preprocessing(28, mean, std)(image), expected, atol=1e-5, rtol=0)


def test_all_unreadable_images_are_told_at_once(tmp_path: Path) -> None:
    """Nobody mends one, waits, and meets the next: the first few are named, each with its fault, and counted."""
    write_awkward(tmp_path)
    with pytest.raises(InputError) as caught:
        check_images(tmp_path / name for name in (*USABLE, *BROKEN))
    told = str(caught.value)
    assert f"{len(BROKEN)} of {len(USABLE) + len(BROKEN)} images cannot be read" in told
    assert f"{tmp_path}/bomb.png: more than 89,478,485 pixels" in told
    assert "and 2 more" in told
    assert "--check-images" in told
    check_images(tmp_path / name for name in USABLE)
