"""The consumers are the judges: their own readers load our files, and give back what the samples say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from own_environment import kept_environment, run
from PIL import Image

from emogen.exporters.export import export
from emogen.exporters.options import ExportOptions
from emogen.schemas import Sample

PROGRAM = Path(__file__).with_name("their_readers.py")
REQUIREMENTS = ("datasets==5.2.0", "pillow==13.0.0", "pyarrow==26.0.1", "webdataset==1.0.2")
COLOURS = {"photos/rocket.jpg": (200, 40, 40), "photos/cat ü.jpg": (40, 40, 200)}
SIZE = (24, 16)


@pytest.fixture
def reader(request: pytest.FixtureRequest) -> Path:
    """The interpreter of an environment with the readers."""
    assert request.config.cache
    return kept_environment(request.config.cache, "their-readers", REQUIREMENTS)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    root = tmp_path / "out" / "messages"
    (root / "photos").mkdir(parents=True)
    for name, colour in COLOURS.items():
        Image.new("RGB", SIZE, colour).save(root / name, quality=95)
    return root


def expected(samples: list[Sample]) -> dict[str, dict[str, Any]]:
    return {
        f"{sample.record.id}/{sample.instruction}": {
            "colour": COLOURS[sample.record.image.replace("\\", "/")],
            "texts": [text for turn in sample.turns for text in (turn.question, turn.answer)],
        }
        for sample in samples
    }


def texts(content: Any) -> str:
    """Return the text of a message: TRL's form is a list of parts, of which images have none."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] == "text")


@pytest.mark.slow
def test_datasets_and_webdataset_read_what_the_samples_say(
    samples: list[Sample], photographs: Path, tmp_path: Path, reader: Path
) -> None:
    """Each reader yields each sample once: id, every word of every turn in order, and the right picture, decoded."""
    folder = tmp_path / "out"
    for name in ("imagefolder", "parquet", "webdataset"):
        place = folder / name / "train.parquet" if name == "parquet" else folder / name
        place.parent.mkdir(exist_ok=True)
        images = "copy" if name == "imagefolder" else None
        options = ExportOptions(turns="conversation", image_root=photographs, images=images)
        export(samples, name, place, options)
    export(samples, "messages", photographs / "train.jsonl", ExportOptions(turns="conversation"))
    found = json.loads(run(reader, PROGRAM, folder, cwd=photographs).splitlines()[-1])
    assert len(found) == 5
    for name, rows in found.items():
        assert {row["id"] for row in rows} == expected(samples).keys(), name
        assert len(rows) == len(samples)
        for row in rows:
            wanted = expected(samples)[row["id"]]
            assert [texts(message["content"]) for message in row["messages"]] == wanted["texts"], name
            (image,) = row.get("images") or [row["image"]]
            assert image["size"] == list(SIZE)
            assert all(abs(a - b) < 8 for a, b in zip(image["pixel"], wanted["colour"], strict=True)), name
