"""`emogen export --engine ray` on a cluster of two nodes: the same rows, in shards that its workers write."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Emogen, Nodes
from export_tree import contents
from noise_images import noise_images

from benchmarks.exports.data import write_samples
from emogen.stored import stored_samples

pytestmark = pytest.mark.ray


def test_the_same_files_as_without_ray(nodes: Nodes, emogen_process: Emogen, tmp_path: Path) -> None:
    """Shards with images inside, which workers put into a store, are byte by byte those of one process."""
    nodes.add()
    run = tmp_path / "run"
    run.mkdir()
    samples = write_samples(run / "samples.jsonl", 1_500)
    (picture, *_) = sorted(noise_images(tmp_path / "noise", 1).iterdir())
    for sample in stored_samples(samples):
        image = run / sample.record.image
        image.parent.mkdir(parents=True, exist_ok=True)
        if not image.exists():
            image.hardlink_to(picture)
    words = ["export", run, "--format", "webdataset", "--shard-rows", 200, "--split-by", "0.9,0.1"]
    emogen_process.command(*words, "--out", tmp_path / "here")
    away = ("--engine", "ray", "--address", nodes.address)
    emogen_process.command(*words, "--out", f"file://{tmp_path}/away", *away)
    assert contents(tmp_path / "here") == contents(tmp_path / "away")
    assert len(contents(tmp_path / "here")) > 8
