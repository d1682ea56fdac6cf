from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from emogen.errors import InputError
from emogen.perception import Finding
from emogen.perception.describe import Description, completed
from emogen.perception.work import FoundFile
from emogen.schemas import Attributes, ImageRecord


class Colours:
    """A stage that says of each image what its first pixel is, and remembers its batches."""

    origin = "model:colours"

    def __init__(self, fields: Sequence[str] = ("scene",), identity: str = "1") -> None:
        self.fields = fields
        self.identity = {"stage": identity}
        self.batches: list[list[str]] = []

    def prepare(self, image: Image.Image) -> Any:
        return image.getpixel((0, 0))

    def find(self, records: Sequence[ImageRecord], prepared: Sequence[Any]) -> list[Finding]:
        self.batches.append([record.id for record in records])
        return [dict.fromkeys(self.fields, str(pixel)) for pixel in prepared]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five small images, and one that is broken."""
    folder = tmp_path / "photographs"
    (folder / "sub").mkdir(parents=True)
    for number in range(5):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    Image.new("RGB", (8, 8), "white").save(folder / "sub" / "white.png")
    (folder / "broken.png").write_bytes(b"\x89PNG")
    return folder


@pytest.fixture
def found(tmp_path: Path) -> Iterator[FoundFile]:
    with FoundFile(tmp_path / "found.sqlite") as file:
        yield file


def record(image: str, **fields: object) -> ImageRecord:
    return ImageRecord.model_validate({"id": image, "image": image, **fields})


def described(description: Description, records: Sequence[ImageRecord]) -> list[ImageRecord]:
    description.look(records, lambda record, error: None)
    return [result for result, error in map(description.describe, records) if error is None]


def test_fills_in_what_is_missing(folder: Path, found: FoundFile) -> None:
    """Brightness, colorfulness and what stages find come from the image, each with its origin."""
    (result,) = described(Description(folder, [Colours()], found), [record("sub/white.png")])
    assert result.attributes == Attributes(brightness=1.0, colorfulness=0.0, scene="(255, 255, 255)")
    assert result.origin == {"brightness": "pixels", "colorfulness": "pixels", "scene": "model:colours"}
    assert result.model_behind("scene") == "colours"
    assert result.model_behind("brightness") is None


def test_keeps_what_is_known(folder: Path, found: FoundFile) -> None:
    """What a record says already stays, and so does its origin; the stage is not asked about it."""
    known = Attributes(brightness=0.1, colorfulness=0.2, scene="attic")
    before = record("1.png", attributes=known, origin={"scene": "metadata"}, caption="A mug.")
    stage = Colours(("scene", "caption"))
    assert described(Description(folder, [stage], found), [before]) == [before]
    assert stage.batches == []


def test_the_first_stage_that_says_it_counts(folder: Path, found: FoundFile) -> None:
    """Of two stages that say the same field, the first one's word is taken."""
    second = Colours(("scene", "human_action"), "2")
    second.origin = "model:other"
    (result,) = described(Description(folder, [Colours(), second], found), [record("1.png")])
    assert (result.origin["scene"], result.origin["human_action"]) == ("model:colours", "model:other")


def test_problems_do_not_stop_the_others(folder: Path, found: FoundFile) -> None:
    """Broken and missing images are told with their names, and all others are described."""
    names = ["missing.png", "1.png", "broken.png", "sub/white.png", "nul\0.png"]
    records = [record(name) for name in names]
    told: dict[str, InputError | None] = {}
    description = Description(folder, [Colours()], found)
    description.look(records, lambda record, error: told.update({record.id: error}))
    assert [name for name in names if told[name] is None] == ["1.png", "sub/white.png"]
    assert "missing.png: no such image" in str(told["missing.png"])
    assert "not an image" in str(told["broken.png"])
    assert description.describe(records[0]).error is not None
    assert description.describe(records[1]).record.attributes.scene == "(1, 0, 0)"


def test_goes_on_where_it_was(folder: Path, found: FoundFile) -> None:
    """After an interrupt only batches that were not finished are looked at, cut at the same records."""
    records = [record(f"{number}.png") for number in range(5)]
    stage = Colours()
    description = Description(folder, [stage], found, batch_size=2)

    def stop(record: ImageRecord, error: InputError | None) -> None:
        if record.id == "1.png":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        description.look(records, stop)
    again = Colours()
    results = described(Description(folder, [again], found, batch_size=2), records)
    assert (stage.batches, again.batches) == ([["0.png", "1.png"]], [["2.png", "3.png"], ["4.png"]])
    assert [result.attributes.scene for result in results] == [f"({number}, 0, 0)" for number in range(5)]


def test_another_model_or_image_is_looked_at_anew(folder: Path, found: FoundFile) -> None:
    """What was found counts for the same model and the same file only."""
    records = [record("1.png"), record("2.png")]
    described(Description(folder, [Colours()], found), records)
    other = Colours(identity="2")
    described(Description(folder, [other], found), records)
    assert other.batches == [["1.png", "2.png"]]
    Image.new("RGB", (9, 9), (7, 7, 7)).save(folder / "1.png")
    same = Colours()
    results = described(Description(folder, [same], found), records)
    assert same.batches == [["1.png"]]
    assert results[0].attributes.scene == "(7, 7, 7)"


def test_an_image_is_decoded_once_for_all_stages(
    folder: Path, found: FoundFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several models look at one decoding of each file."""
    from emogen.perception import looking

    opened: list[str] = []
    read = looking.read_rgb

    def counting(path: Path) -> Image.Image:
        opened.append(path.name)
        return read(path)

    monkeypatch.setattr(looking, "read_rgb", counting)
    stages = [Colours(("scene",), "1"), Colours(("human_action",), "2")]
    described(Description(folder, stages, found, batch_size=2), [record(f"{n}.png") for n in range(5)])
    assert sorted(opened) == [f"{number}.png" for number in range(5)]


def test_a_bug_in_a_stage_ends_it(folder: Path, found: FoundFile) -> None:
    """What a stage raises is not taken for a problem of an image."""

    class Broken(Colours):
        def find(self, records: Sequence[ImageRecord], prepared: Sequence[Any]) -> list[Finding]:
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        described(Description(folder, [Broken()], found), [record("1.png")])


def test_completed_takes_only_what_lacks() -> None:
    """A finding adds to a record, and never replaces."""
    before = record("a.png", caption="Mine.", origin={"caption": "captions"})
    after = completed(before, {"caption": "Theirs.", "emotion": "awe", "object": ["Hat"]}, "model:m")
    assert (after.caption, after.emotion, after.attributes.object) == ("Mine.", "awe", ("Hat",))
    assert after.origin == {"emotion": "model:m", "caption": "captions", "object": "model:m"}
