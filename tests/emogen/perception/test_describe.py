from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from emogen.errors import InputError
from emogen.perception import objects
from emogen.perception.describe import Problem, describe, write_records
from emogen.schemas import Attributes, ImageRecord
from emogen.sources.jsonl import read_jsonl


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


def test_written_records_can_be_read(folder: Path, tmp_path: Path) -> None:
    """The file holds the records whole, and its image paths lead from it to the images."""
    out = tmp_path / "new" / "records.jsonl"
    before = [record("white.png", caption="Möwe", emotion="awe", split="test"), record("sub/black.png")]
    report = write_records(before, folder, out)
    after = list(read_jsonl(out))
    assert (report.written, report.problems) == (2, ())
    assert [item.image for item in after] == ["../photographs/white.png", "../photographs/sub/black.png"]
    assert all((out.parent / item.image).is_file() for item in after)
    assert (after[0].caption, after[0].emotion, after[0].split) == ("Möwe", "awe", "test")


def test_problems_do_not_stop_the_others(folder: Path, tmp_path: Path) -> None:
    """Broken and missing images are listed in order, and all others are written."""
    names = ["missing.png", "white.png", "broken.png", "sub/black.png"]
    report = write_records(map(record, names), folder, tmp_path / "records.jsonl")
    assert report.written == len(list(read_jsonl(tmp_path / "records.jsonl"))) == 2
    assert [problem.image for problem in report.problems] == ["missing.png", "broken.png"]
    assert isinstance(report.problems[0], Problem)
    assert "no such image" in report.problems[0].message


def test_same_bytes(folder: Path, tmp_path: Path) -> None:
    """The same images give the same bytes."""
    for name in ("a.jsonl", "b.jsonl"):
        write_records([record("white.png")], folder, tmp_path / name)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_earlier_file_survives(folder: Path, tmp_path: Path) -> None:
    """Neither a broken input nor a run without a single record destroys the earlier file."""
    out = tmp_path / "records.jsonl"
    out.write_text("earlier")

    def breaks() -> Iterator[ImageRecord]:
        yield record("white.png")
        raise InputError("broken line")

    with pytest.raises(InputError, match="broken line"):
        write_records(breaks(), folder, out)
    assert write_records([record("missing.png")], folder, out).written == 0
    assert out.read_text() == "earlier"
    assert list(tmp_path.glob(".*")) == []
