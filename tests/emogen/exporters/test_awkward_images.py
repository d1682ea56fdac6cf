"""Images of every awkward kind in an export: each is taken, or its samples are left out and say why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from awkward_images import BROKEN, GONE, USABLE, write_awkward

from emogen.errors import CheckFailedError
from emogen.exporters.export import ExportReport, export
from emogen.exporters.options import ExportOptions
from emogen.schemas import Sample

# What no look at the beginning of the file finds.
DECODED = ("bomb.png", "float.tif", "truncated.jpg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    write_awkward(folder)
    return folder


@pytest.fixture
def asked(make_sample: Any) -> list[Sample]:
    return [make_sample(Path(name).stem, image=name) for name in (*USABLE, *BROKEN, *GONE)]


def left_out(report: ExportReport) -> dict[str, str]:
    """Return image → why its sample is left out, of which there is one."""
    return {problem.place.removesuffix("/conversation"): str(problem) for problem in report.skipped}


def stems(*names: str) -> set[str]:
    return {Path(name).stem for name in names}


@pytest.mark.parametrize(
    ("format", "images"),
    [("llava", "copy"), ("llava", "link"), ("imagefolder", "copy"), ("parquet", "embed")],
)
def test_what_is_no_image_is_not_put_into_an_export(
    format: str, images: Any, asked: list[Sample], folder: Path, tmp_path: Path
) -> None:
    """Without a look inside: empty files, other files, links that lead nowhere or to themselves; each is named."""
    report = export(asked, format, tmp_path / "out", ExportOptions(images=images, image_root=folder))
    told = left_out(report)
    assert told.keys() == stems("empty.jpg", "text.jpg", *GONE)
    assert "'empty.jpg' is empty" in told["empty"]
    assert "'text.jpg' does not begin as one" in told["text"]
    assert "'loop.jpg', a link that leads nowhere" in told["loop"]
    assert report.written == len(asked) - 4


@pytest.mark.parametrize(
    ("format", "images"), [("llava", "reference"), ("emovit", "copy"), ("parquet", "embed")]
)
def test_decoded_images_are_sound(
    format: str, images: Any, asked: list[Sample], folder: Path, tmp_path: Path
) -> None:
    """--check-images: what cannot be decoded whole is left out, too, wherever the images are."""
    options = ExportOptions(images=images, image_root=folder, check_images=True)
    report = export(asked, format, tmp_path / "out", options)
    told = left_out(report)
    assert told.keys() == stems(*BROKEN, *GONE)
    assert "more than 89,478,485 pixels" in told["bomb"]
    assert "'truncated.jpg' is not: damaged image" in told["truncated"]
    assert report.written == len(USABLE)


def test_what_trainers_see_otherwise_is_told(asked: list[Sample], folder: Path, tmp_path: Path) -> None:
    """Such images are taken as they are; how many there are of each kind is said, with the first."""
    options = ExportOptions(image_root=folder, check_images=True)
    odd = export([*asked, *asked], "llava", tmp_path / "out.json", options).odd
    assert odd.first == {
        "of 16 bits": "16bit.png",
        "transparent": "alpha.png",
        "animated": "animated.gif",
        "turned by EXIF": "upright.jpg",
    }
    assert set(odd.counts().values()) == {1}


@pytest.mark.parametrize("path", ["../secret.png", "/etc/secret.png", "a/../../secret.png", "C:\\secret.png"])
def test_a_path_that_leads_out_is_refused(make_sample: Any, tmp_path: Path, path: str) -> None:
    """Nothing outside of the image folder is copied, though it is there."""
    (tmp_path / "in").mkdir()
    write_awkward(tmp_path)
    (tmp_path / "secret.png").write_bytes((tmp_path / "alpha.png").read_bytes())
    options = ExportOptions(images="copy", image_root=tmp_path / "in")
    with pytest.raises(CheckFailedError, match="image must"):
        export([make_sample(image=path)], "llava", tmp_path / "out", options)
    assert not (tmp_path / "out").exists()
