"""No command destroys what it reads, and none makes what a later one could not use."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Emogen
from PIL import Image


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    Image.new("RGB", (8, 8), "red").save(folder / "a.png")
    (folder / "metadata.jsonl").write_text('{"file_name": "a.png", "emotion": "awe"}\n')
    return folder


@pytest.mark.parametrize("name", ["metadata.jsonl", "a.png"])
def test_describe_replaces_no_file_of_the_users(emogen: Emogen, photographs: Path, name: str) -> None:
    """The records file cannot take the place of a photograph or of the metadata."""
    before = (photographs / name).read_bytes()
    ran = emogen("describe", photographs, "--no-objects", "--out", photographs / name)
    assert ran.code == 2
    assert "Name it records.jsonl" in ran.err
    assert (photographs / name).read_bytes() == before


def test_describe_makes_only_what_can_be_exported(emogen: Emogen, photographs: Path) -> None:
    """Records from where image paths would lead upwards are refused before anything is paid for."""
    ran = emogen(
        "describe", photographs, "--no-objects", "--out", photographs.parent / "elsewhere" / "records.jsonl"
    )
    assert ran.code == 2
    assert f"--out {photographs.parent / 'records.jsonl'}" in ran.err
    assert not (photographs.parent / "elsewhere").exists()


def test_export_replaces_no_file_of_the_run(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]
) -> None:
    """The samples that are exported are still there afterwards, whatever --out says."""
    run = tmp_path / "run"
    emogen("generate", records_file(), "--types", "categorical", "--out", run)
    before = (run / "samples.jsonl").read_bytes()
    ran = emogen("export", run, "--format", "llava", "--out", run / "samples.jsonl")
    assert ran.code == 2
    assert "file of the run itself" in ran.err
    assert (run / "samples.jsonl").read_bytes() == before


def test_exports_leave_out_what_is_held_out(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]
) -> None:
    """Whoever trains on an export does not train on the test records, unless all were asked for."""
    records = records_file(3)
    rows = [json.loads(line) for line in records.read_text().splitlines()]
    rows[1]["split"] = "test"
    records.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run, out = tmp_path / "run", tmp_path / "llava.json"
    emogen("generate", records, "--types", "categorical", "--out", run)
    ran = emogen("export", run, "--format", "llava", "--out", out)
    assert "1 samples of other splits" in ran.out
    assert len(json.loads(out.read_bytes())) == 2
    for split, count in (("test", 1), ("all", 3)):
        emogen("export", run, "--format", "llava", "--split", split, "--out", out)
        assert len(json.loads(out.read_bytes())) == count
    assert (
        "Known: all, test, train, val"
        in emogen("export", run, "--format", "llava", "--split", "tset", "--out", out).err
    )


def test_a_changed_record_is_noticed(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]
) -> None:
    """A record that says something else than its samples is not passed over in silence."""
    words = ("--types", "categorical", "--out", tmp_path / "run")
    emogen("generate", records_file(), *words)
    ran = emogen("generate", records_file(emotion="fear"), *words)
    assert ran.code == 2
    assert "record 'r0' has changed" in ran.err
    assert emogen("generate", records_file(emotion="fear"), *words, "--overwrite").code == 0


@pytest.mark.parametrize("option", ["--dry-run", "--show-prompt"])
def test_a_trial_knows_its_backends(emogen: Emogen, records_file: Callable[..., Path], option: str) -> None:
    """A trial refuses the backend that the real run would refuse."""
    ran = emogen("generate", records_file(), "--backend", "emebdded", option)
    assert ran.code == 2
    assert "Did you mean 'embedded'?" in ran.err
