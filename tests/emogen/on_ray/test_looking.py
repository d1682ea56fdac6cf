"""`emogen describe` with images looked at elsewhere, in one process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from command_line import Emogen
from noise_images import noise_images
from one_process import connected
from PIL import Image

from emogen.on_ray.pool import Pool


def run_pool(
    ray: Any, pool: Pool, worker: type, arguments: Sequence[Any], shards: int, *_: Any, **__: Any
) -> None:
    """Two workers in turn, the first of which dies after its first shard but one."""
    first = worker(*arguments)
    for number in range(shards // 2):
        first.work(number)
    second = worker(*arguments)
    # Ray hands out again what the dead one had begun.
    for number in range(shards // 2 - 1, shards):
        second.work(number)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    place = "emogen.describing.looking_away"
    monkeypatch.setattr(f"{place}.connected", connected)
    monkeypatch.setattr(f"{place}.run_pool", run_pool)
    monkeypatch.setattr(f"{place}.notes_to", lambda take: None)


def test_the_records_are_the_same(emogen: Emogen, away: None, tmp_path: Path) -> None:
    """Byte by byte, whoever looked, and though one of them died; what cannot be read is told."""
    photographs = noise_images(tmp_path / "photographs", 9)
    (photographs / "broken.png").write_bytes(b"no image")
    words = ["describe", photographs, "--tagger", tiny_models.clip(tmp_path / "clip"), "--batch-size", 2]
    words += ["--thresholds", "scene=0,object=0,facial_expression=0,human_action=0"]
    there = emogen(*words, "--out", tmp_path / "local.jsonl")
    ran = emogen(*words, "--out", tmp_path / "ray.jsonl", "--engine", "ray", "--shard-records", 3)
    assert (ran.code, there.code) == (1, 1)
    assert "described 9 of 10 images" in ran.out
    for name in ("{}.jsonl", "{}.problems.jsonl"):
        local, ray = (tmp_path / name.format(engine) for engine in ("local", "ray"))
        assert ray.read_bytes() == local.read_bytes()
    assert not (tmp_path / "ray.work").exists()


def test_a_model_that_cannot_be_loaded_there_ends_it(emogen: Emogen, away: None, tmp_path: Path) -> None:
    """The worker's error is the command's, with the same exit code."""
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    Image.new("RGB", (8, 8)).save(photographs / "a.png")
    (tmp_path / "empty").mkdir()
    words = ["describe", photographs, "--tagger", tmp_path / "empty", "--out", tmp_path / "records.jsonl"]
    here, there = emogen(*words), emogen(*words, "--engine", "ray")
    assert here.code == there.code != 0
    assert here.err.splitlines()[-1] == there.err.splitlines()[-1]
