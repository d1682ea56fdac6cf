"""Exports cut into shards of so many rows, on a disk and in a store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from export_tree import contents

from emogen.errors import InputError
from emogen.exporters import EXPORTERS, ShardLayout
from emogen.exporters.export import export
from emogen.exporters.options import ExportOptions
from emogen.exporters.validate import validate
from emogen.schemas import Sample, Turn

# Rows of single questions of 7 samples, two a sample; shards of 5 of them.
SHARDS = [5, 5, 4]
CUT = [name for name in EXPORTERS.names() if isinstance(EXPORTERS.get(name)().layout, ShardLayout)]


@pytest.fixture
def many(make_sample: Any, pictures: Path) -> list[Sample]:
    turns = [Turn(question=f"What is it, {n}?", answer="A rocket.", kind="basic") for n in range(2)]
    return [make_sample(f"r{number}", *turns, image="photos/rocket.jpg") for number in range(7)]


@pytest.fixture
def store() -> Iterator[Any]:
    memory = fsspec.filesystem("memory")
    yield memory
    memory.rm("/", recursive=True)


def options(pictures: Path, **others: Any) -> ExportOptions:
    return ExportOptions(turns="single", image_root=pictures, shard_rows=5, **others)


def rows(out: Path, format: str) -> list[object]:
    return [placed.row for placed in EXPORTERS.get(format)().layout.read(out)]


def stored(memory: Any, folder: str) -> dict[str, bytes]:
    return {path.removeprefix(f"/{folder}/"): memory.cat_file(path) for path in memory.find(f"/{folder}")}


@pytest.mark.parametrize("format", CUT)
def test_shards_hold_the_rows_of_one_file(
    format: str, many: list[Sample], pictures: Path, tmp_path: Path
) -> None:
    """Shards have so many rows each, in the order of the export without them, and load as it does."""
    report = export(many, format, tmp_path / "cut", options(pictures))
    whole = ExportOptions(turns="single", image_root=pictures)
    export(many, format, tmp_path / "whole", whole)
    assert dict(report.rows) == {"train": 14}
    assert rows(tmp_path / "cut", format) == rows(tmp_path / "whole", format)
    assert validate(tmp_path / "cut", format) == []
    shards = sorted((tmp_path / "cut").rglob(f"train-*{EXPORTERS.get(format)().layout.shard_suffix}"))
    assert [shard.stem for shard in shards] == [f"train-{number:06}" for number in range(3)]
    assert [len(rows(shard, format)) for shard in shards] == SHARDS


def test_splits_are_cut_each_by_itself(many: list[Sample], pictures: Path, tmp_path: Path) -> None:
    """Every split has shards of its own, which a reader of the folder tells apart."""
    held = [
        each.model_copy(
            update={"record": each.record.model_copy(update={"image": f"{n}.jpg", "split": split})}
        )
        for n, (each, split) in enumerate(zip(many, ["test"] * 3 + ["train"] * 4, strict=True))
    ]
    export(held, "messages", tmp_path / "out", options(pictures, split="all"))
    names = sorted(path.name for path in (tmp_path / "out").glob("*.jsonl"))
    assert names == [f"{split}-00000{n}.jsonl" for split in ("test", "train") for n in range(2)]
    found = [placed.split for placed in EXPORTERS.get("messages")().layout.read(tmp_path / "out")]
    assert found == ["train"] * 8 + ["test"] * 6


def test_llama_factory_is_told_the_folder_of_the_shards(
    many: list[Sample], pictures: Path, tmp_path: Path
) -> None:
    """LLaMA-Factory reads every file of a folder that dataset_info.json names, and nothing else is in it."""
    export(many, "sharegpt", tmp_path / "out", options(pictures))
    info = json.loads((tmp_path / "out" / "dataset_info.json").read_bytes())
    assert info["emogen_train"]["file_name"] == "train"
    assert {path.suffix for path in (tmp_path / "out" / "train").iterdir()} == {".json"}


def test_a_format_of_one_file_is_not_cut(many: list[Sample], pictures: Path, tmp_path: Path) -> None:
    """What has one file for each split is refused, and nothing is written."""
    with pytest.raises(InputError, match=r"--shard-rows: imagefolder has one file .* cannot be cut"):
        export(many, "imagefolder", tmp_path / "out", options(pictures))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", EXPORTERS.names())
def test_a_store_gets_the_same_files(
    format: str, many: list[Sample], pictures: Path, tmp_path: Path, store: Any
) -> None:
    """What lies at an address after an export is what would lie on a disk, byte by byte: one file, or a folder."""
    one = ExportOptions(turns="single", image_root=pictures)
    several = (
        options(pictures) if format in CUT else ExportOptions(image_root=pictures, split_by=(0.5, 0.5, 0))
    )
    for name, chosen in (("one", one), ("several", several)):
        export(many, format, tmp_path / name, chosen)
        report = export(many, format, f"memory://bucket/{format}/{name}", chosen)
        assert str(report.path) == f"memory://bucket/{format}/{name}"
        there = stored(store, f"bucket/{format}/{name}")
        if (tmp_path / name).is_file():
            assert there == {f"/bucket/{format}/{name}": (tmp_path / name).read_bytes()}
        else:
            assert there == contents(tmp_path / name)


def test_what_a_store_holds_is_not_replaced_unasked(many: list[Sample], pictures: Path, store: Any) -> None:
    """An earlier export is replaced on request, its files gone; files of others never are."""
    chosen = options(pictures)
    store.pipe("/bucket/theirs/notes.txt", b"theirs")
    with pytest.raises(InputError, match="memory://bucket/theirs: holds files that no export made"):
        export(many, "llava", "memory://bucket/theirs", options(pictures, overwrite=True))
    export(many, "llava", "memory://bucket/ours", chosen)
    with pytest.raises(InputError, match="holds an earlier export"):
        export(many[:3], "llava", "memory://bucket/ours", chosen)
    export(many[:3], "llava", "memory://bucket/ours", options(pictures, overwrite=True))
    assert sorted(stored(store, "bucket/ours")) == [
        ".emogen-export",
        "train-000000.json",
        "train-000001.json",
    ]
    assert stored(store, "bucket/theirs") == {"notes.txt": b"theirs"}


def test_an_export_that_fails_halfway_says_so_in_the_store(
    many: list[Sample], pictures: Path, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the end the mark says `unfinished`; the same command goes over it by --overwrite."""
    given = type(store).put_file

    def full(self: Any, local: str, there: str, *rest: Any, **more: Any) -> None:
        if there.endswith("train-000001.json"):
            raise RuntimeError("quota exceeded")
        given(self, local, there, *rest, **more)

    monkeypatch.setattr(type(store), "put_file", full)
    with pytest.raises(
        InputError, match=r"memory://bucket/x/train-000001\.json: cannot be written: quota exceeded"
    ):
        export(many, "llava", "memory://bucket/x", options(pictures))
    assert stored(store, "bucket/x")[".emogen-export"] == b"unfinished\n"
    monkeypatch.undo()
    with pytest.raises(InputError, match="not finished"):
        export(many, "llava", "memory://bucket/x", options(pictures))
    export(many, "llava", "memory://bucket/x", options(pictures, overwrite=True))
    assert stored(store, "bucket/x")[".emogen-export"] == b""
    assert len(stored(store, "bucket/x")) == 4


def test_nothing_to_export_leaves_a_store_alone(pictures: Path, store: Any, many: list[Sample]) -> None:
    """Where there is nothing to write, or links were asked for, nothing is sent."""
    with pytest.raises(InputError, match="no samples"):
        export([], "llava", "memory://bucket/x", options(pictures))
    with pytest.raises(InputError, match="images are links must lie on a disk"):
        export(many, "llava", "memory://bucket/x", options(pictures, images="link"))
    assert store.find("/") == []
