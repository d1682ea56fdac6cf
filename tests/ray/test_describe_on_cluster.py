"""`emogen describe --engine ray` on a cluster of two nodes: the same records, by workers with models of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_models
from conftest import Emogen, Nodes
from noise_images import noise_images

pytestmark = pytest.mark.ray


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Forty images of noise, and one that is none."""
    folder = noise_images(tmp_path / "photographs", 40)
    (folder / "broken.png").write_bytes(b"no image")
    return folder


def test_the_same_records_as_without_ray(
    nodes: Nodes, emogen_process: Emogen, photographs: Path, tmp_path: Path
) -> None:
    """Both engines write the same file, byte by byte, and list the same problems; nothing is left beside it."""
    nodes.add()
    tagger = tiny_models.clip(tmp_path / "clip")
    words = ["describe", photographs, "--tagger", tagger, "--emotion", "--batch-size", 4]
    words += ["--thresholds", "scene=0,object=0,facial_expression=0,human_action=0,emotion=0"]
    away = ("--engine", "ray", "--address", nodes.address, "--workers", "1:2", "--shard-records", 8)
    files = []
    for name, more in (("local", ()), ("ray", away)):
        # The image that is none makes the command fail, in the end.
        said = emogen_process.command(*words, "--out", tmp_path / f"{name}.jsonl", *more, code=1)
        assert "described 40 of 41 images" in said
        files.append((tmp_path / f"{name}.jsonl", tmp_path / f"{name}.problems.jsonl"))
    for local, ray in zip(*files, strict=True):
        assert local.read_bytes() == ray.read_bytes()
    assert b"model:clip" in files[1][0].read_bytes()
    assert not (tmp_path / "ray.work").exists()
