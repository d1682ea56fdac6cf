"""Images for models that see: what leaves the machine is the picture, upright, small, encoded once."""

from __future__ import annotations

import asyncio
import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

import emogen.sight
from emogen.errors import InputError, MissingExtraError
from emogen.schemas import ImageInput, ImageRecord
from emogen.sight import REMEMBERED, Sight, encode, image_input

RED, BLUE = (230, 20, 20), (20, 20, 230)
PLACE = "somebody-s home"
ORIENTATION, DESCRIPTION, GPS = 0x0112, 0x010E, 0x8825
TURNED_LEFT = 6  # as a camera held upright stores it


def halves(width: int, height: int) -> Image.Image:
    """An image whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def record(image: str) -> ImageRecord:
    return ImageRecord(id=image, image=image)


def decoded(image: ImageInput) -> Image.Image:
    picture = Image.open(io.BytesIO(image.load()))
    assert picture.format == "JPEG"
    assert picture.mode == "RGB"
    assert picture.size == (image.seen.width, image.seen.height)
    return picture


def near(picture: Image.Image, place: tuple[int, int], color: tuple[int, int, int]) -> bool:
    pixel: Any = picture.getpixel(place)
    return all(abs(seen - wanted) < 25 for seen, wanted in zip(pixel, color, strict=True))


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads in which an image was decoded to be encoded, one for each time."""
    threads: list[str] = []
    real = emogen.sight._jpeg

    def counted(*arguments: Any) -> bytes:
        threads.append(threading.current_thread().name)
        return real(*arguments)

    monkeypatch.setattr(emogen.sight, "_jpeg", counted)
    return threads


@pytest.mark.parametrize(
    ("size", "longest_side", "expected"),
    [
        ((1600, 800), 768, (768, 384)),
        ((300, 1200), 400, (100, 400)),
        ((5000, 3), 768, (768, 1)),
        ((320, 240), 768, (320, 240)),
    ],
)
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_size(
    tmp_path: Path, size: tuple[int, int], longest_side: int, expected: tuple[int, int], suffix: str
) -> None:
    """A large image is scaled down to the longest side, a small one stays as it is, and nothing is cut off."""
    path = tmp_path / f"image{suffix}"
    halves(*size).save(path)
    picture = decoded(image_input(path, longest_side=longest_side))
    assert picture.size == expected
    assert near(picture, (2, 0), RED)
    assert near(picture, (expected[0] - 3, expected[1] - 1), BLUE)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_upright(tmp_path: Path, suffix: str) -> None:
    """A photograph that was stored on its side is shown upright, whichever way it is decoded."""
    path = tmp_path / f"image{suffix}"
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED_LEFT
    halves(2000, 1000).save(path, exif=exif)
    picture = decoded(image_input(path))
    assert picture.size == (384, 768)
    assert near(picture, (190, 5), RED)
    assert near(picture, (190, 760), BLUE)


def test_transparent_parts(tmp_path: Path) -> None:
    """Transparent parts are shown white."""
    path = tmp_path / "image.png"
    Image.new("RGBA", (40, 30), (255, 0, 0, 0)).save(path)
    assert near(decoded(image_input(path)), (5, 5), (255, 255, 255))


@pytest.mark.parametrize("side", [64, 2000])
def test_no_metadata(tmp_path: Path, side: int) -> None:
    """Where it was taken, by whom, comments, texts and profiles stay behind, scaled down or not."""
    exif = Image.Exif()
    exif[DESCRIPTION] = PLACE
    exif.get_ifd(GPS)[29] = PLACE
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    text = PngInfo()
    text.add_text("Comment", PLACE)
    halves(side, side).save(
        tmp_path / "a.jpg", exif=exif, comment=PLACE, icc_profile=profile, xmp=f"<x>{PLACE}</x>".encode()
    )
    halves(side, side).save(tmp_path / "b.png", exif=exif, pnginfo=text, icc_profile=profile)
    for path in (tmp_path / "a.jpg", tmp_path / "b.png"):
        assert PLACE.encode() in path.read_bytes()
        picture = image_input(path)
        assert PLACE.encode() not in picture.load()
        shown = decoded(picture)
        assert dict(shown.getexif()) == {}
        assert not {"exif", "comment", "icc_profile", "xmp"} & shown.info.keys()


def test_quality(tmp_path: Path) -> None:
    """A lower quality makes fewer bytes, and is part of what is said to have been seen."""
    path = tmp_path / "image.png"
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    low, high = (image_input(path, jpeg_quality=quality) for quality in (30, 95))
    assert len(low.load()) < len(high.load()) / 2
    assert (low.seen.quality, low.seen.media_type) == (30, "image/jpeg")
    assert low != high
    assert low == image_input(path, jpeg_quality=30)


async def test_encoded_once(tmp_path: Path, decodings: list[str]) -> None:
    """All that ask about an image at the same time, and after one another, share one encoding."""
    halves(900, 600).save(tmp_path / "a.png")
    sight = Sight(tmp_path)
    looks = await asyncio.gather(*(sight.of(record("a.png")) for _ in range(5)))
    await asyncio.gather(*(encode([image]) for image in looks))
    await encode([await sight.of(record("a.png"))])
    assert sight.look(record("a.png")).load() == looks[0].load()
    assert len(decodings) == 1


async def test_the_event_loop_is_not_held(tmp_path: Path, decodings: list[str]) -> None:
    """Images are encoded in threads of their own."""
    halves(90, 60).save(tmp_path / "a.png")
    await encode([await Sight(tmp_path).of(record("a.png"))])
    assert decodings != []
    assert threading.current_thread().name not in decodings


async def test_few_are_remembered(tmp_path: Path) -> None:
    """A long run does not keep its pictures; whoever still holds one keeps it encoded."""
    halves(9, 6).save(tmp_path / "a.png")
    sight = Sight(tmp_path)
    first = await sight.of(record("a.png"))
    for number in range(2 * REMEMBERED):
        (tmp_path / f"{number}.png").write_bytes((tmp_path / "a.png").read_bytes())
        await sight.of(record(f"{number}.png"))
    assert len(sight._pictures) == REMEMBERED
    assert first.load() is first.load()


def test_a_file_that_changes(tmp_path: Path) -> None:
    """What is sent is what was looked at, or nothing."""
    path = tmp_path / "a.png"
    halves(90, 60).save(path)
    image = image_input(path)
    halves(60, 90).save(path)
    with pytest.raises(InputError, match=r"a\.png: changed while the run went on"):
        image.load()
    assert image_input(path) != image


@pytest.mark.parametrize("name", ["missing.png", "folder", "nul\0.png", "text.png", "folder/a.png/b.png"])
def test_unreadable(tmp_path: Path, name: str) -> None:
    """What is no image is refused by name when it is looked at."""
    (tmp_path / "folder").mkdir()
    halves(9, 6).save(tmp_path / "folder" / "a.png")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(InputError, match=r"no such image|not an image"):
        Sight(tmp_path).look(record(name))


def test_cut_off(tmp_path: Path) -> None:
    """An image whose head is whole and whose body is not is refused when it is to be sent."""
    path = tmp_path / "a.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-4000])
    image = image_input(path)
    for _ in range(2):
        with pytest.raises(InputError, match=r"a\.jpg: damaged image"):
            image.load()


def test_without_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Pillow is missing, the line that installs it is said before anything begins."""
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    monkeypatch.delitem(__import__("sys").modules, "PIL.Image")
    with pytest.raises(MissingExtraError, match=r"emovit-toolkit\[see\]"):
        Sight(tmp_path)
