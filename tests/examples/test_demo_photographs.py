from __future__ import annotations

import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from emogen.sources import read_records

DEMO = Path(__file__).parents[2] / "examples" / "demo"


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("demo") / "photographs"
    command = [sys.executable, str(DEMO / "photographs.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_folder_is_complete(photographs: Path) -> None:
    """The metadata names exactly the photographs that are copied, and there are at least eight."""
    images = {path.name for path in photographs.iterdir()} - {"metadata.jsonl"}
    assert {record.image for record in read_records(photographs)} == images
    assert len(images) >= 8


def test_every_photograph_has_a_licence() -> None:
    """The table of licences has a row for each photograph."""
    table = (DEMO / "PHOTOGRAPHS.md").read_text(encoding="utf-8")
    names = runpy.run_path(str(DEMO / "photographs.py"))["PHOTOGRAPHS"]
    assert [name for name in names if f"| {name} |" not in table] == []


def test_split(photographs: Path) -> None:
    """At least two photographs are held out, and their emotions occur among the others."""
    records = list(read_records(photographs))
    held_out = Counter(record.emotion for record in records if record.split == "test")
    trained = {record.emotion for record in records if record.split == "train"}
    assert held_out.total() >= 2
    assert set(held_out) <= trained
    assert len(trained) >= 4


def test_all_have_caption_and_emotion(photographs: Path) -> None:
    """Each photograph has a caption and an emotion, for nothing can be generated without them."""
    assert all(record.caption and record.emotion for record in read_records(photographs))


def test_unwritable_folder(tmp_path: Path) -> None:
    """A folder that cannot be made is one line of error and a non-zero exit."""
    (tmp_path / "file").touch()
    command = [sys.executable, str(DEMO / "photographs.py"), str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
