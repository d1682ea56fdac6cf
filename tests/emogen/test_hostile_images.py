"""Images of every awkward kind, from the folder to the records and to a model that sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import awkward_images
import pytest
from awkward_images import BROKEN, GONE, write_awkward
from command_line import Emogen
from openai_stub import REASONING
from PIL import Image

from emogen.sources import read_records

USABLE = sorted(Path(name).stem for name in awkward_images.USABLE)
UNUSABLE = sorted(Path(name).stem for name in (*BROKEN, *GONE))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images that can be read, whatever their mode, and images that cannot."""
    folder = tmp_path / "photos"
    folder.mkdir()
    write_awkward(folder)
    return folder


def test_described(folder: Path, emogen: Emogen) -> None:
    """Every kind that can be shown is measured as it looks (all here are white); the others are named."""
    out = folder.parent / "records.jsonl"
    ran = emogen("describe", folder, "--no-objects", "--out", out)
    assert ran.code == 1
    assert {record.id: record.attributes.brightness for record in read_records(out)} == dict.fromkeys(
        USABLE, 1.0
    )
    problems = (folder.parent / "records.problems.jsonl").read_text().splitlines()
    told = {Path(problem["where"]).stem: problem["what"] for problem in map(json.loads, problems)}
    assert sorted(told) == UNUSABLE
    assert "more than 89,478,485 pixels" in told["bomb"]
    assert "unknown range" in told["float"]
    assert "not an image" in told["text"]
    assert "not an image" in told["empty"]
    assert "damaged" in told["truncated"]
    assert "no such image" in told["loop"]


def test_seen(folder: Path, emogen: Emogen, answers_file: Callable[..., Path]) -> None:
    """With --see, an image that cannot be shown is a rejection of its own, and nothing is asked about it."""
    script = answers_file(*[{"text": REASONING}] * len(USABLE))
    rows = [{"image": f"photos/{path.name}", "id": path.stem, "emotion": "awe", "caption": "A page."}
            for path in sorted(folder.iterdir())]  # fmt: skip
    records = folder.parent / "records.jsonl"
    records.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = folder.parent / "run"
    words = ["--backend", f"scripted:{script}", "--types", "reasoning", "--see", "--out", run]
    emogen("generate", records, *words)
    rejected = [json.loads(line) for line in (run / "rejections.jsonl").read_text().splitlines()]
    assert sorted(row["record_id"] for row in rejected) == UNUSABLE
    assert {row["reason"] for row in rejected} == {"unreadable_image"}
    samples = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    seen = {row["record"]["id"]: row["provenance"]["images"][0] for row in samples}
    assert sorted(seen) == USABLE
    assert (seen["upright"]["width"], seen["upright"]["height"]) == (6, 9)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png", "a/../../secret.png", "..\\secret.png"])
def test_paths_that_lead_out(tmp_path: Path, emogen: Emogen, name: str) -> None:
    """A table that names a file outside its own folder is refused that row, whether or not the file is there."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in (tmp_path / "secret.png", folder / "mine.png"):
        Image.new("RGB", (4, 4)).save(path)
    rows = [{"file_name": name}, {"file_name": "mine.png"}]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "records.jsonl"
    ran = emogen("describe", folder, "--no-objects", "--out", out)
    assert ran.code == 1
    assert "leads out of the data set's folder" in ran.err
    assert [record.id for record in read_records(out)] == ["mine"]
