"""Commands on records in shards and in stores; what must be on a disk says so."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from command_line import Emogen


@pytest.fixture
def store(records_file: Callable[..., Path]) -> Iterator[Any]:
    """A store with four records in two shards."""
    memory = fsspec.filesystem("memory")
    lines = records_file(4).read_bytes().splitlines(keepends=True)
    for number in range(2):
        memory.pipe(f"/bucket/records/{number}.jsonl", b"".join(lines[2 * number : 2 * number + 2]))
    yield memory
    memory.rm("/", recursive=True)


def test_a_run_of_records_in_a_store(
    emogen: Emogen, store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shards in a store are generated from; the run knows their address, and is repeated from its manifest."""
    monkeypatch.chdir(tmp_path)
    words = ("generate", "memory://bucket/records/*.jsonl", "--types", "categorical")
    ran = emogen(*words, "--image-root", "photos", "--out", "run")
    assert ran.code == 0, ran.err
    rows = [json.loads(line) for line in Path("run/samples.jsonl").read_text().splitlines()]
    assert [row["record"]["id"] for row in rows] == ["r0", "r1", "r2", "r3"]
    manifest = json.loads(Path("run/run.json").read_bytes())
    assert manifest["settings"]["records"] == "memory://bucket/records/*.jsonl"
    assert manifest["image_root"] == "../photos"
    ran = emogen("generate", "--config", "run/run.json", "--out", "again")
    assert ran.code == 0, ran.err
    assert Path("again/samples.jsonl").read_bytes() == Path("run/samples.jsonl").read_bytes()
    ran = emogen("records", "memory://bucket/records", "--limit", "3", "--out", "all.jsonl")
    assert "wrote 3 records" in ran.out, ran.err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("generate", "{records}", "--types", "categorical", "--out", "memory://x/run"), "The run folder"),
        (("export", "memory://x/run", "--format", "llava", "--out", "out.json"), "The run folder"),
        (("report", "memory://x/run"), "The run folder"),
        (("dedup", "memory://x/run"), "The run folder"),
        (("validate", "memory://x/a.json", "--format", "llava"), "What is validated"),
        (("import", "memory://x/a.json", "--format", "llava", "--out", "run"), "What is imported"),
        (("records", "{records}", "--out", "memory://x/all.jsonl"), "A records file"),
        (
            ("records", "{records}", "--captions", "memory://x/c.jsonl", "--out", "all.jsonl"),
            "A file of captions",
        ),
    ],
)
def test_what_must_be_on_a_disk(
    emogen: Emogen,
    records_file: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    what: str,
) -> None:
    """A run folder, and what else cannot lie in a store, is refused at once by name; no folder `memory:` is made."""
    records = records_file(1)
    monkeypatch.chdir(tmp_path)
    ran = emogen(*(word.format(records=records) for word in words))
    assert ran.code == 2
    assert f"{what}" in ran.err
    assert "must lie on a disk of this machine" in ran.err
    assert not [path for path in Path().iterdir() if path.name.startswith("memory")]


def test_an_export_into_a_store(emogen: Emogen, store: Any, tmp_path: Path) -> None:
    """Shards go to the address that is named, and it is said where they are; a second time takes --overwrite."""
    run = tmp_path / "run"
    assert emogen("generate", "memory://bucket/records", "--types", "categorical", "--out", run).code == 0
    words = ("export", run, "--format", "llava", "--shard-rows", 3, "--out", "memory://bucket/out")
    ran = emogen(*words, "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["path"] == "memory://bucket/out"
    rows = [len(json.loads(store.cat_file(f"/bucket/out/train-00000{n}.json"))) for n in range(2)]
    assert rows == [3, 1]
    assert "holds an earlier export" in emogen(*words).err
    ran = emogen(*words, "--overwrite")
    assert "wrote 4 rows of 4 samples to memory://bucket/out" in ran.out
    ran = emogen(*words, "--shard-size", 5)
    assert (ran.code, "--shard-size: shards are cut" in ran.err) == (2, True)


def test_a_store_s_package_is_named(emogen: Emogen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is missing, the error says what to install, and the exit code that it is a package."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    ran = emogen("generate", "gs://x/a.jsonl", "--types", "categorical", "--out", tmp_path / "run")
    assert ran.code == 3
    assert "pip install gcsfs" in ran.err
