"""An export by workers, which here are this process: the same as without them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from export_tree import contents
from PIL import Image
from ray_here import RayHere

from benchmarks.exports.data import write_samples
from emogen.exporters import EXPORTERS, ShardLayout
from emogen.on_ray import exporting
from emogen.on_ray.export_tasks import written
from emogen.reviews import Review, append_review
from emogen.reviews.decisions import said_sha256
from emogen.schemas import Sample

CUT = [name for name in EXPORTERS.names() if isinstance(EXPORTERS.get(name)().layout, ShardLayout)]


@pytest.fixture(autouse=True)
def ray(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def connected(address: str | None) -> Iterator[RayHere]:
        yield RayHere()

    monkeypatch.setattr(exporting, "connected", connected)
    monkeypatch.setattr(exporting, "DRAFTED_AT_ONCE", 7)
    monkeypatch.setattr(exporting, "PATIENCE_S", 0.0)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Sixty samples with all that an export has to look at: splits, flags, edits, and what cannot be exported."""
    folder = tmp_path / "run"
    folder.mkdir()
    lines = write_samples(folder / "samples.jsonl", 60).read_bytes().splitlines()
    rows = [json.loads(line) for line in lines]
    for number, row in enumerate(rows):
        image = folder / row["record"]["image"]
        image.parent.mkdir(parents=True, exist_ok=True)
        if number // 3 == 2:
            image.write_bytes(b"no image")
        elif number // 3 != 3:
            Image.new("RGBA" if number // 3 % 4 == 0 else "RGB", (2, 2), (number, 0, 0)).save(image, "PNG")
        row["record"]["split"] = ("train", "test", None)[number // 3 % 3]
    rows[15]["turns"][0]["answer"] = "It says <image> and </s>."
    rows[20]["flags"] = ["length"]
    rows.append(rows[30])
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "samples.jsonl").write_text(f"\n{text}")
    return folder


def told(ran: Any) -> tuple[list[str], str]:
    """What was said, but for where it went."""
    return [line for line in ran.out.splitlines() if not line.startswith("wrote")], ran.err


@pytest.mark.parametrize("format", CUT)
def test_the_same_files_as_without_ray(emogen: Emogen, run: Path, tmp_path: Path, format: str) -> None:
    """Every file is the same, byte by byte, and the same is said of what is left out, odd, moved or dropped."""
    words = ["export", run, "--format", format, "--shard-rows", 9, "--split-by", "0.5,0.5", "--flags", "drop"]
    words.append("--check-images")
    local = emogen(*words, "--out", tmp_path / "local")
    away = emogen(*words, "--out", tmp_path / "away", "--engine", "ray")
    assert (local.code, away.code) == (0, 0), away.err
    assert contents(tmp_path / "local") == contents(tmp_path / "away")
    assert len(contents(tmp_path / "local")) > 4
    assert told(local) == told(away)
    assert "transparent" in away.err
    assert "left out" in away.err


def test_reviews_are_heeded(emogen: Emogen, run: Path, tmp_path: Path) -> None:
    """What people reject stays away, and is counted as without Ray; images are copied as without it."""
    row = json.loads((run / "samples.jsonl").read_text().splitlines()[5])
    review = {
        "record_id": row["record"]["id"],
        "instruction": row["instruction"],
        "reviewer": "ann",
        "decision": "reject",
    }
    made = Review(**review, said_sha256=said_sha256(Sample.model_validate(row)), at="2026-01-01T00:00:00Z")
    append_review(run, made)
    words = ("export", run, "--format", "llava", "--shard-rows", 20, "--images", "copy")
    local = emogen(*words, "--out", tmp_path / "local")
    away = emogen(*words, "--out", tmp_path / "away", "--engine", "ray")
    assert (local.code, away.code) == (0, 0), away.err
    assert contents(tmp_path / "local") == contents(tmp_path / "away")
    assert told(local) == told(away)
    assert "left out 1 rejected" in away.out


def test_shards_go_to_a_store(emogen: Emogen, run: Path, tmp_path: Path) -> None:
    """Workers put their shards at the address that is named; what an earlier export had there besides goes."""
    words = ["export", run, "--format", "parquet", "--shard-rows", 9, "--engine", "ray"]
    address = f"file://{tmp_path}/store/out"
    assert emogen(*words, "--out", address, "--types", "reasoning").code == 0
    assert emogen(*words, "--out", tmp_path / "out").code == 0
    (tmp_path / "store" / "out" / "train-000099.parquet").touch()
    ran = emogen(*words, "--out", address, "--overwrite")
    assert ran.code == 0, ran.err
    assert contents(tmp_path / "store" / "out") == contents(tmp_path / "out")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "imagefolder"], "--engine: workers write shards, and imagefolder has one file"),
        (["--format", "llava", "--shard-size", "3"], "--shard-size: shards are cut by their rows here"),
        (["--format", "llava", "--types", "resoning"], "none of 61 samples is of the types"),
    ],
)
def test_what_cannot_be_is_refused(
    emogen: Emogen, run: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    """Each says why, and nothing is written."""
    ran = emogen("export", run, *words, "--engine", "ray", "--out", tmp_path / "out")
    assert ran.code == 2
    assert said in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_broken_line_is_named(emogen: Emogen, run: Path, tmp_path: Path) -> None:
    """A worker's error is said as this process would say it, with file and line."""
    with (run / "samples.jsonl").open("a") as file:
        file.write("broken\n")
    said = [
        emogen("export", run, "--format", "llava", "--out", tmp_path / "out", *more).err
        for more in ((), ("--engine", "ray"))
    ]
    assert said[0] == said[1]
    assert "samples.jsonl:63" in said[0]


def test_a_shard_that_does_not_arrive(
    emogen: Emogen, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that the machines do not share is found out, and so is one that a worker does not see."""
    words = ("export", run, "--format", "llava", "--engine", "ray", "--out", tmp_path / "out")

    def elsewhere(errand: Any, place: str, *rest: Any) -> Any:
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        return written(errand, str(tmp_path / "elsewhere" / "shard"), *rest)

    def nowhere(errand: Any, place: str, *rest: Any) -> Any:
        return written(errand, str(tmp_path / "nowhere" / "shard"), *rest)

    for worker, what in (
        (elsewhere, "a worker wrote it, and it is not here"),
        (nowhere, "cannot be written on"),
    ):
        monkeypatch.setattr(exporting, "written", worker)
        ran = emogen(*words)
        assert ran.code == 2
        assert what in ran.err
        assert "address in a store" in ran.err
    assert not (tmp_path / "out").exists()
