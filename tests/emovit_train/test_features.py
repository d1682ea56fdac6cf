"""Views and their features."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from emogen.errors import InputError
from emovit_train.features import FreshViews, ImageFeatures, view_pixels
from emovit_train.images import Preprocessing, random_crop
from emovit_train.model import EmoVIT

PLAIN = Preprocessing(size=28, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for path in paths:
        Image.fromarray(rng.integers(0, 255, (40, 56, 3), dtype=np.uint8)).save(path)
    return paths


def test_a_view_is_drawn_from_seed_epoch_and_photograph(tiny_model: EmoVIT, photographs: list[Path]) -> None:
    """Order, company and process do not matter to a view; another epoch or seed gives another one."""
    first = FreshViews(tiny_model, augment=True, seed=0).pool(photographs, 1).batch(photographs)
    again = FreshViews(tiny_model, augment=True, seed=0)
    for number in (3, 0):
        assert torch.equal(
            again.pool([photographs[number]], 1).batch([photographs[number]])[0], first[number]
        )
    assert not torch.equal(again.pool(photographs, 2).batch(photographs), first)
    other = FreshViews(tiny_model, augment=True, seed=1)
    assert not torch.equal(other.pool(photographs, 1).batch(photographs), first)


def test_plain_views_are_those_of_measuring(tiny_model: EmoVIT, photographs: list[Path]) -> None:
    """Without augmentation, every epoch sees what prediction sees."""
    plain = ImageFeatures(tiny_model)
    for epoch in (1, 2):
        views = FreshViews(tiny_model, augment=False, seed=0).pool(photographs, epoch)
        assert torch.equal(views.batch(photographs), plain.batch(photographs))
        assert torch.equal(plain.pool(photographs, epoch).batch(photographs), plain.batch(photographs))


def test_each_photograph_is_encoded_once_per_pool(
    tiny_model: EmoVIT, photographs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several questions about a photograph share one view and one pass of the encoder."""
    seen = 0
    encode = tiny_model.encode_images

    def counted(pixels: torch.Tensor) -> torch.Tensor:
        nonlocal seen
        seen += len(pixels)
        return encode(pixels)

    monkeypatch.setattr(tiny_model, "encode_images", counted)
    FreshViews(tiny_model, augment=True, seed=0).pool(photographs * 3, 1)
    assert seen == len(photographs)


def test_unreadable_photograph_is_named(tiny_model: EmoVIT, photographs: list[Path]) -> None:
    """A photograph that is damaged while a run goes on ends it with the photograph's name."""
    photographs[2].write_bytes(b"\x89PNG")
    with pytest.raises(InputError, match=r"2\.png"):
        FreshViews(tiny_model, augment=True, seed=0).pool(photographs, 1)


def crops(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    rng = random.Random(0)
    return (random_crop(width, height, rng) for _ in range(300))


@pytest.mark.parametrize(("width", "height"), [(320, 240), (97, 97)])
def test_crops_keep_half_of_the_photograph_or_more(width: int, height: int) -> None:
    """A crop lies inside the photograph, keeps 0.5 to 1 of its area, and is 3:4 to 4:3."""
    for left, top, across, down in crops(width, height):
        assert 0 <= left <= width - across
        assert 0 <= top <= height - down
        assert 0.48 < across * down / (width * height) <= 1
        assert 0.72 < across / down < 1.38


def test_a_strip_gives_its_middle() -> None:
    """Where no crop of that shape keeps half of the area, it is the middle, as torchvision has it."""
    assert set(crops(400, 20)) == {(186, 0, 27, 20)}
    assert set(crops(20, 400)) == {(0, 186, 20, 27)}


def test_half_of_the_views_are_mirrored(tmp_path: Path) -> None:
    """A photograph that is dark on the left is dark on the right in about half of its views."""
    path = tmp_path / "halves.png"
    pixels = np.zeros((64, 64, 3), dtype=np.uint8)
    pixels[:, 32:] = 255
    Image.fromarray(pixels).save(path)
    views = [view_pixels(PLAIN, path, f"0 {epoch}") for epoch in range(60)]
    mirrored = sum(float(view[0, :, 0].mean()) > float(view[0, :, -1].mean()) for view in views)
    assert 20 < mirrored < 40
    assert all(view.shape == (3, 28, 28) for view in views)
