"""`emogen export`: its options, and what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Emogen
from PIL import Image


@pytest.fixture
def run(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]) -> Path:
    """A run of six categorical samples whose images lie beside their records."""
    records = records_file(6)
    (records.parent / "photos").mkdir()
    for number in range(6):
        (records.parent / "photos" / f"r{number}.jpg").write_bytes(b"\xff\xd8%d" % number)
    folder = tmp_path / "runs" / "mine"
    assert emogen("generate", records, "--types", "categorical", "--out", folder).code == 0
    return folder


def test_shares_make_a_folder_with_a_part_for_each_split(emogen: Emogen, run: Path, tmp_path: Path) -> None:
    """--split-by writes every split, says how many rows each has, and --overwrite replaces it."""
    out = tmp_path / "out"
    words = ("export", run, "--format", "llava", "--out", out, "--split-by", "0.5,0.5")
    ran = emogen(*words)
    assert ran.code == 0, ran.err
    counts = {path.stem: len(json.loads(path.read_bytes())) for path in out.glob("*.json")}
    assert sum(counts.values()) == 6
    for split, count in counts.items():
        assert f"{split} {count}" in ran.out
    again = emogen(*words)
    assert again.code == 2
    assert "holds an earlier export" in again.err
    assert emogen(*words, "--overwrite").code == 0


def test_images_are_found_from_the_run(emogen: Emogen, run: Path, tmp_path: Path) -> None:
    """The manifest of the run leads to the images; --image-root leads elsewhere."""
    words = ("export", run, "--format", "llava", "--images", "copy")
    ran = emogen(*words, "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    assert (tmp_path / "out" / "images" / "photos" / "r3.jpg").read_bytes() == b"\xff\xd83"
    (tmp_path / "elsewhere").mkdir()
    ran = emogen(*words, "--out", tmp_path / "other", "--image-root", tmp_path / "elsewhere")
    assert ran.code == 1
    assert "must be a file that is there" in ran.err
    assert "--image-root" in ran.err


def test_what_is_not_in_the_export_is_said(emogen: Emogen, run: Path, tmp_path: Path) -> None:
    """Dropped flags, other splits and moved images are each counted in a line of their own."""
    rows = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    rows[0]["flags"] = ["length"]
    rows[1]["record"]["split"] = "test"
    rows[2]["record"]["image"] = rows[1]["record"]["image"]
    (run / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ran = emogen("export", run, "--format", "llava", "--flags", "drop", "--out", tmp_path / "out.json")
    assert ran.code == 0, ran.err
    assert "wrote 3 rows of 3 samples" in ran.out
    assert "1 samples of other types, or with flags" in ran.out
    assert "2 samples of other splits" in ran.out
    assert "held out with another record of the same image: 1 samples" in ran.out


def test_images_are_checked_on_request(emogen: Emogen, run: Path, tmp_path: Path) -> None:
    """--check-images names sample, file and fault of each, and what trainers see otherwise; the others are exported."""
    (photos,) = tmp_path.rglob("photos")
    for number in range(6):
        mode = "RGBA" if number == 4 else "RGB"
        Image.new(mode, (4, 4)).save(photos / f"r{number}.jpg", "PNG")
    Image.effect_noise((90, 60), 50).save(photos / "r3.jpg")
    (photos / "r3.jpg").write_bytes((photos / "r3.jpg").read_bytes()[:900])
    words = ("export", run, "--format", "llava", "--out", tmp_path / "out.json")
    assert "wrote 6 rows" in emogen(*words).out
    ran = emogen(*words, "--check-images")
    assert ran.code == 0, ran.err
    assert "wrote 5 rows" in ran.out
    assert "r3/categorical: image must be decoded whole, and 'photos/r3.jpg' is not: damaged" in ran.err
    assert "note: 1 images are transparent" in ran.err
    assert "photos/r4.jpg" in ran.err


def test_a_file_of_samples_is_as_good_as_a_run(emogen: Emogen, run: Path, tmp_path: Path) -> None:
    """Samples that lie alone are exported, too, by a file of whatever name."""
    alone = tmp_path / "alone.jsonl"
    (run / "samples.jsonl").rename(alone)
    ran = emogen("export", alone, "--format", "instructblip", "--out", tmp_path / "out.json")
    assert ran.code == 0, ran.err
    assert len(json.loads((tmp_path / "out.json").read_bytes())) == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--turns", "singel"], "Did you mean 'single'"),
        (["--turns", "conversation"], "Known: single"),
        (["--images", "cpoy"], "Did you mean 'copy'"),
        (["--images", "embed"], "Known: copy, link, reference"),
        (["--flags", "dorp"], "Did you mean 'drop'"),
        (["--split-by", "0.5"], "--split-by 0.9,0.05,0.05"),
        (["--types", "resoning"], "none of 6 samples"),
    ],
)
def test_a_slip_is_answered_with_what_is_known(
    emogen: Emogen, run: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    """An option's wrong value is refused with the right ones, and nothing is written."""
    ran = emogen("export", run, "--format", "instructblip", "--out", tmp_path / "out", *words)
    assert ran.code == 2
    assert said in ran.err
    assert not (tmp_path / "out").exists()


def test_the_run_itself_is_never_replaced(emogen: Emogen, run: Path) -> None:
    """A folder export does not take the place of the run that it is made of."""
    ran = emogen("export", run, "--format", "llava", "--images", "copy", "--overwrite", "--out", run)
    assert ran.code == 2
    assert "the run itself" in ran.err
    assert (run / "samples.jsonl").is_file()
