"""Test images that were trained on are found by their bytes, by their look and by their ids, and only those."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from typer.testing import CliRunner

from emogen.errors import CheckFailedError, InputError
from emogen.image_file import decode_rgb
from emovit_train.cli import app
from emovit_train.evaluation.contamination import contamination, image_list
from emovit_train.evaluation.image_hashes import looks_like, nearest
from emovit_train.evaluation.look_cache import cache_file
from tests.emovit_train.evaluation.datasets import dataset_layouts

HASHES = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20)


def picture(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    rng = random.Random(seed)
    image = Image.new("RGB", size, (rng.randrange(256),) * 3)
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        left, top = rng.randrange(size[0]), rng.randrange(size[1])
        colour = tuple(rng.randrange(256) for _ in range(3))
        draw.ellipse((left, top, left + rng.randrange(20, 90), top + rng.randrange(20, 90)), fill=colour)
    return image


@pytest.fixture
def lists(tmp_path: Path) -> tuple[Path, Path]:
    """Six training pictures; a test list of a copy, two versions, a mirror image, two flat ones and a stranger."""
    train, test = tmp_path / "train", tmp_path / "test"
    for folder in (train, test):
        folder.mkdir()
    for seed in range(6):
        picture(seed).save(train / f"{seed}.png")
    Image.new("RGB", (50, 50), "red").save(train / "flat.png")
    (test / "copy.png").write_bytes((train / "0.png").read_bytes())
    picture(1).resize((90, 70)).save(test / "small.jpg", quality=60)
    ImageEnhance.Brightness(picture(2)).enhance(0.9).save(test / "darker.jpg")
    ImageOps.mirror(picture(3)).save(test / "mirrored.png")
    picture(99).save(test / "stranger.png")
    Image.new("RGB", (50, 50), "blue").save(test / "flat.png")
    (test / "broken.png").write_bytes(b"no image")
    for folder in (train, test):
        rows = [{"id": path.stem, "image": path.name, "emotion": "awe"} for path in sorted(folder.iterdir())]
        (folder / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return train / "records.jsonl", test / "records.jsonl"


def test_what_is_found(lists: tuple[Path, Path]) -> None:
    """A copy is exact, a smaller or darker version near; a mirror image, one colour and a stranger are clean."""
    train, test = (image_list(path, "all") for path in lists)
    found = contamination([train], test)
    assert {each.id: each.how for each in found.seen} == {"copy": "exact", "darker": "near", "small": "near"}
    assert {Path(each.train).name for each in found.seen} == {"0.png", "1.png", "2.png"}
    assert (found.images, found.exact, found.near, found.same_id, found.clean) == (7, 1, 2, 0, 4)
    assert found.without_look == 2
    assert found.compared == ("sha256", "look")


def test_any_folder_of_images(lists: tuple[Path, Path], tmp_path: Path) -> None:
    """A folder that is no data set is all of its images, by their paths in it; one without any is refused."""
    train, test = (image_list(path.parent, "train") for path in lists)
    assert {each.id for each in contamination([train], test).seen} == {"copy.png", "darker.jpg", "small.jpg"}
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no image is there"):
        image_list(tmp_path / "empty", "train")


def test_a_checkpoint_knows_bytes_alone(
    lists: tuple[Path, Path], tuned_folder: Path, run_folder: Path
) -> None:
    """Against a checkpoint only the bytes of its photographs can be compared, and the result says so."""
    train = image_list(tuned_folder, "train")
    found = contamination([train], image_list(run_folder / "records.jsonl", "all"))
    assert {each.id: each.how for each in found.seen} == dict.fromkeys(("red", "green", "blue"), "exact")
    assert found.compared == ("sha256",)
    assert contamination([train], image_list(lists[1], "all")).clean == 7


def test_emotion6_and_emotionroi(tmp_path: Path) -> None:
    """That the two are the same pictures is named, and an id of one is found in the other whatever its file."""
    six, roi = tmp_path / "six", tmp_path / "roi"
    dataset_layouts.emotion6(six)
    dataset_layouts.emotionroi(roi)
    for root in (six, roi):
        for number, path in enumerate(sorted((root / "images").rglob("*.jpg"))):
            picture(number + 1000 * (root == roi)).save(path)
    train, test = image_list(six, "all", dataset="emotion6"), image_list(roi, "test", dataset="emotionroi")
    found = contamination([train], test)
    assert found.remark == "Emotion6 and EmotionROI are the same 1,980 images"
    assert "id" in found.compared
    assert {each.id for each in found.seen} == {image.id for image in test.images} & {
        image.id for image in train.images
    }


@given(HASHES, HASHES)
def test_nearest_is_the_nearest(here: list[int], there: list[int]) -> None:
    """The comparison in blocks finds the smallest number of differing bits, as counting them one by one does."""
    for one, (distance, place) in zip(here, nearest(here, there), strict=True):
        assert (
            distance == min((one ^ other).bit_count() for other in there) == (one ^ there[place]).bit_count()
        )


def test_many_are_compared_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """More pairs than a block holds are compared block by block, each with all."""
    monkeypatch.setattr("emovit_train.evaluation.image_hashes._BLOCK", 1000)
    drawn = numpy.random.default_rng(0).integers(0, 2**63, 900, dtype=numpy.uint64).tolist()
    assert nearest(reversed(drawn), drawn) == [(0, place) for place in reversed(range(900))]


def test_looks_are_imagehashs() -> None:
    """The bits are ImageHash's own, so that lists of others' hashes can be compared; one colour has none."""
    import imagehash

    assert looks_like(picture(5)) == int(str(imagehash.phash(picture(5))), 16)
    assert looks_like(Image.new("RGB", (9, 9), "white")) is None


def call(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_command(lists: tuple[Path, Path], tmp_path: Path) -> None:
    """A row for each test list, every finding in the file, and exit code 1 on demand."""
    train, test = lists
    told = ("contamination", train, test, train, "--out", tmp_path / "found.json")
    ran = call(*told)
    assert ran.exit_code == 0
    assert f"| {test} | 7 | 1 | 2 | 0 | 4 | 0.429 | 2 |" in ran.output
    written = json.loads((tmp_path / "found.json").read_text())
    assert [len(each["seen"]) for each in written] == [3, 7]
    assert [each["near"] for each in json.loads(call(*told, "--json").stdout)["tests"]] == [2, 0]
    with pytest.raises(CheckFailedError, match="10 test images were trained on"):
        call(*told, "--strict")
    with pytest.raises(InputError, match="no such file or folder"):
        call("contamination", tmp_path / "gone", test)


def test_evaluation_carries_it(
    lists: tuple[Path, Path], tuned_folder: Path, run_folder: Path, tmp_path: Path
) -> None:
    """Evaluated with what was trained on, each row says what of its image was, and the result says how many."""
    told = ("evaluate", run_folder / "records.jsonl", "--checkpoint", tuned_folder, "--out", tmp_path / "out")
    assert "trained on" not in call(*told).output
    ran = call(*told, "--trained-on", run_folder / "records.jsonl")
    assert "trained on 3 of 4 images: 3 by their bytes" in ran.output
    rows = [json.loads(line) for line in (tmp_path / "out" / "predictions.jsonl").read_text().splitlines()]
    assert [row["strata"]["contamination"] for row in rows] == ["exact", "exact", "exact", "none"]
    result = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert (result["contamination"]["exact"], result["contamination"]["clean"]) == (3, 1)


def test_no_picture_is_decoded_twice(lists: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run knows pictures by their bytes, wherever they lie; one that changed is looked at anew."""
    first = [image_list(path, "all") for path in lists]
    decoded: list[str] = []

    def counted(content: bytes, path: Path, at_least: Any) -> Any:
        decoded.append(path.name)
        return decode_rgb(content, path, at_least)

    monkeypatch.setattr("emovit_train.evaluation.image_hashes.decode_rgb", counted)
    assert [image_list(path, "all") for path in lists] == first
    # What cannot be decoded today may be mended by another version of what decodes it.
    assert decoded == ["broken.png"]
    moved = lists[0].parent.rename(lists[0].parent.with_name("moved"))
    picture(50).save(moved / "2.png")
    decoded.clear()
    image_list(moved / "records.jsonl", "all")
    assert decoded == ["2.png"]


@pytest.mark.parametrize("damage", ["no folder can be made", "no database", "no table of ours"])
def test_a_cache_that_cannot_be_used_changes_nothing(
    lists: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    """Pictures are hashed all the same, and it is said why nothing is kept."""
    whole = [each.look for each in image_list(lists[0], "all").images]
    file = cache_file()
    assert file.is_file()
    if damage == "no folder can be made":
        shutil.rmtree(file.parent)
        file.parent.write_text("in the way")
    elif damage == "no database":
        file.write_bytes(b"x" * 5000)
    else:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.executescript("DROP TABLE looks; CREATE TABLE looks (other)")
    assert [each.look for each in image_list(lists[0], "all").images] == whole
    assert f"{file} cannot be" in capsys.readouterr().err
