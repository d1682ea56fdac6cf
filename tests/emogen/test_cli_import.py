"""`emogen import`: from a file that somebody has to a run, and on from there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pytest
from command_line import Emogen
from pyarrow import parquet


def row(question: str, answer: str, name: str = "a", **fields: Any) -> dict[str, Any]:
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    return {"id": name, "image": f"photos/{name}.jpg", "conversations": turns, **fields}


@pytest.fixture
def theirs(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: dict[str, Any]) -> Path:
        path = tmp_path / "data" / "train.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]")
        return path

    return write


GOOD = row(
    "<image>\nWhy does it feel so?",
    "The warm light and the open arms of the two children on the beach give a sense of ease and of play.",
)


LEAK = (
    "As the caption says, the picture shows two children who run along a wide and sunny beach with open arms, "
    "which is why the mood is light."
)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_file_is_converted(emogen: Emogen, theirs: Callable[..., Path], tmp_path: Path) -> None:
    """Import, then export in another format, with the images found beside the file."""
    path = theirs(GOOD, row("Which emotion?", "Predict emotion: awe", "b"))
    for name in "ab":
        image = path.parent / "photos" / f"{name}.jpg"
        image.parent.mkdir(exist_ok=True)
        image.write_bytes(b"\xff\xd8 " + name.encode())
    ran = emogen("import", path, "--format", "llava", "--out", tmp_path / "run")
    assert ran.code == 0, ran.err
    assert "kept 2: categorical 1, reasoning 1" in ran.out
    ran = emogen("export", tmp_path / "run", "--format", "webdataset", "--out", tmp_path / "shards")
    assert ran.code == 0, ran.err
    assert emogen("validate", tmp_path / "shards", "--format", "webdataset").code == 0
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    assert manifest["imported"]["format"] == "llava"
    assert (manifest["state"], manifest["image_root"]) == ("complete", "../data")


def test_checks_reject_with_reasons(emogen: Emogen, theirs: Callable[..., Path], tmp_path: Path) -> None:
    """--checks tells what generated samples would be rejected for; without it everything is taken."""
    path = theirs(GOOD, row("Why does the picture feel so light?", LEAK, "b"))
    words = ("import", path, "--format", "llava", "--out", tmp_path / "run")
    assert "kept 2" in emogen(*words).out
    again = emogen(*words)
    assert again.code == 2
    assert "holds a run" in again.err
    ran = emogen(*words, "--checks", "--overwrite")
    assert ran.code == 0, ran.err
    assert "kept 1" in ran.out
    (rejected,) = rows_of(tmp_path / "run" / "rejections.jsonl")
    assert (rejected["record_id"], rejected["stage"], rejected["reason"]) == ("b", "check", "source_leak")
    assert "As the caption says" in rejected["raw_answer"]


def test_rows_that_cannot_be_read_are_named(
    emogen: Emogen, theirs: Callable[..., Path], tmp_path: Path
) -> None:
    """The others are read; exit code 1; each is in rejections.jsonl with file, line and row."""
    path = theirs(GOOD, *[row("Why?", "", str(number)) for number in range(12)])
    ran = emogen("import", path, "--format", "llava", "--out", tmp_path / "run")
    assert ran.code == 1
    assert "kept 1: reasoning 1" in ran.out
    assert "rejected 12: unreadable_row 12" in ran.out
    assert f"{path}:3: row 1: conversations[1] must be text" in ran.err
    assert "… and 2 more" in ran.err
    assert len(rows_of(tmp_path / "run" / "rejections.jsonl")) == 12


@pytest.mark.parametrize("format", ["parquet", "webdataset"])
def test_images_inside_become_files(
    emogen: Emogen, theirs: Callable[..., Path], tmp_path: Path, format: str
) -> None:
    """Each is in the run's folder, byte for byte; two that are called alike are two files."""
    content = {name: b"\xff\xd8 " + name.encode() for name in ("x/a.jpg", "y/a.jpg")}
    path = theirs(*[{**GOOD, "id": name[0], "image": name} for name in content])
    for name, image in content.items():
        (path.parent / name).parent.mkdir()
        (path.parent / name).write_bytes(image)
    emogen("import", path, "--format", "llava", "--out", tmp_path / "run")
    emogen("export", tmp_path / "run", "--format", format, "--out", tmp_path / "inside")
    ran = emogen("import", tmp_path / "inside", "--format", format, "--out", tmp_path / "again")
    assert ran.code == 0, ran.err
    for row in rows_of(tmp_path / "again" / "samples.jsonl"):
        image = row["record"]["image"]
        assert (tmp_path / "again" / "images" / image).read_bytes() == content[image]
    assert json.loads((tmp_path / "again" / "run.json").read_text())["image_root"] == "images"


def test_two_images_of_one_name_inside_become_two_files(emogen: Emogen, tmp_path: Path) -> None:
    """Others' files name images by what they like, or not at all."""
    images = [b"\xff\xd8 one", b"\xff\xd8 two", b"\xff\xd8 one"]
    fields = {"question": "Why?", "answer": "So."}
    rows = [{**fields, "id": str(n), "image": {"bytes": b, "path": None}} for n, b in enumerate(images)]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "theirs.parquet")
    ran = emogen("import", tmp_path / "theirs.parquet", "--format", "parquet", "--out", tmp_path / "run")
    assert ran.code == 0, ran.err
    named = [row["record"]["image"] for row in rows_of(tmp_path / "run" / "samples.jsonl")]
    assert [(tmp_path / "run" / "images" / name).read_bytes() for name in named] == images
    assert len(set(named)) == 2


def test_images_of_an_emovit_export_are_found(
    emogen: Emogen, theirs: Callable[..., Path], tmp_path: Path
) -> None:
    """Where a folder images/ lies beside EmoVIT's list, its bare file names are in there."""
    path = theirs({**GOOD, "image": "a.jpg"})
    (path.parent / "images").mkdir()
    assert emogen("import", path, "--format", "emovit", "--out", tmp_path / "run").code == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["image_root"] == "../data/images"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "lava"], "Did you mean 'llava'"),
        (["--format", "coco"], "Known: emovit"),
        (["--format", "llava", "--labels", "mikels"], "mikels-8"),
    ],
)
def test_a_slip_is_answered_with_what_is_known(
    emogen: Emogen, theirs: Callable[..., Path], tmp_path: Path, words: list[str], said: str
) -> None:
    """A wrong value is refused with the right ones, and no run is made."""
    ran = emogen("import", theirs(GOOD), "--out", tmp_path / "run", *words)
    assert ran.code == 2
    assert said in ran.err
    assert not (tmp_path / "run").exists()


BROKEN = {
    "missing": None,
    "empty": b"",
    "no rows": b"[]",
    "cut short": b'[\n{"id": "a", "image": "a.jpg", "conversations": [{"from": "human", "va',
    "not UTF-8": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_read_makes_no_run(
    emogen: Emogen, theirs: Callable[..., Path], tmp_path: Path, content: bytes | None
) -> None:
    """It is refused with its name, no folder is made, and the next try, with a whole file, needs no --overwrite."""
    path = theirs(GOOD)
    whole = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    words = ("import", path, "--format", "llava", "--out", tmp_path / "run")
    ran = emogen(*words)
    assert ran.code == 2
    assert str(path) in ran.err
    assert not (tmp_path / "run").exists()
    path.write_bytes(whole)
    assert emogen(*words).code == 0


def test_a_broken_file_replaces_no_run(emogen: Emogen, theirs: Callable[..., Path], tmp_path: Path) -> None:
    """--overwrite keeps what is there until the new file was read to its end."""
    words = ("import", theirs(GOOD, GOOD), "--format", "llava", "--out", tmp_path / "run")
    assert emogen(*words).code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    path = theirs(GOOD, GOOD)
    path.write_bytes(path.read_bytes()[:-3])
    assert emogen(*words, "--overwrite").code == 2
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


@pytest.mark.parametrize("there", ["run.json", "samples.jsonl", "rejections.jsonl"])
def test_a_run_without_rows_is_a_run(
    emogen: Emogen, theirs: Callable[..., Path], tmp_path: Path, there: str
) -> None:
    """A run that has made nothing yet is not replaced unasked either."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / there).write_text("")
    ran = emogen("import", theirs(GOOD), "--format", "llava", "--out", tmp_path / "run")
    assert ran.code == 2
    assert "holds a run" in ran.err
    assert (tmp_path / "run" / there).read_text() == ""
