from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from emogen.errors import InputError
from emogen.perception import objects
from emogen.perception.describe import Problem, describe
from emogen.schemas import Attributes, ImageRecord


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two small images, and one that is broken."""
    folder = tmp_path / "photographs"
    (folder / "sub").mkdir(parents=True)
    Image.new("RGB", (8, 8), "white").save(folder / "white.png")
    Image.new("RGB", (8, 8), "black").save(folder / "sub" / "black.png")
    (folder / "broken.png").write_bytes(b"\x89PNG")
    return folder


@pytest.fixture(autouse=True)
def _sees_a_cup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "load_classifier", lambda: None)
    monkeypatch.setattr(objects, "object_names", lambda image: ("cup",))


def record(image: str, **fields: object) -> ImageRecord:
    return ImageRecord.model_validate({"id": image, "image": image, **fields})


def test_fills_in_what_is_missing(folder: Path) -> None:
    """Brightness, colorfulness and objects come from the image, each with its origin."""
    (described,) = describe([record("white.png")], folder)
    assert described.attributes == Attributes(brightness=1.0, colorfulness=0.0, object=("cup",))
    assert described.origin == {
        "brightness": "pixels",
        "colorfulness": "pixels",
        "object": "efficientnet-lite0",
    }


def test_keeps_what_is_known(folder: Path) -> None:
    """What a record says already stays, and so does its origin."""
    known = Attributes(brightness=0.1, colorfulness=0.2, object=("Mug",))
    before = record("white.png", attributes=known, origin={"object": "metadata"}, caption="A mug.")
    assert list(describe([before], folder)) == [before]


def test_without_objects(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without objects the classifier is neither loaded nor asked."""
    monkeypatch.delattr(objects, "load_classifier")
    (described,) = describe([record("white.png")], folder, objects=False)
    assert described.attributes.object == ()
    assert "object" not in described.origin


def test_unsure_classifier_has_no_origin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no object is certain enough, the record names none and claims no origin."""
    monkeypatch.setattr(objects, "object_names", lambda image: ())
    (described,) = describe([record("white.png")], folder)
    assert "object" not in described.origin


def test_problem_is_raised_where_nobody_listens(folder: Path) -> None:
    """An image that cannot be read is an error unless somebody takes note of problems."""
    with pytest.raises(InputError, match=r"missing\.png: no such image"):
        list(describe([record("missing.png")], folder))


def test_problems_do_not_stop_the_others(folder: Path) -> None:
    """Broken and missing images are told in order, and all others are described."""
    problems: list[Problem] = []
    names = ["missing.png", "white.png", "broken.png", "sub/black.png"]
    described = list(describe(map(record, names), folder, on_problem=problems.append))
    assert [item.image for item in described] == ["white.png", "sub/black.png"]
    assert [problem.image for problem in problems] == ["missing.png", "broken.png"]
    assert "no such image" in problems[0].message
