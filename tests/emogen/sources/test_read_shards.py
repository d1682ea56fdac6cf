"""Records in several files, on this machine and elsewhere: a folder, a pattern, an address."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emogen.errors import InputError, MissingPackageError
from emogen.sources import SourceOptions, detect, open_source, raise_problem, read_records


def line(name: str) -> str:
    return json.dumps({"image": f"{name}.jpg", "emotion": "awe"}) + "\n"


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Two shards of two records, one that is empty but for a blank line, and a list of problems."""
    folder = tmp_path / "shards"
    folder.mkdir()
    (folder / "b-00001.jsonl").write_text(line("c") + line("d"))
    (folder / "b-00000.jsonl").write_text(line("a") + line("b"))
    (folder / "b-00000.problems.jsonl").write_text('{"where": "x", "what": "y", "left_out": true}\n')
    return folder


@pytest.fixture
def store() -> Iterator[Any]:
    """A store that is not this machine's disk."""
    memory = fsspec.filesystem("memory")
    yield memory
    memory.rm("/", recursive=True)


def put(store: Any, folder: Path, prefix: str) -> None:
    for file in folder.iterdir():
        store.pipe(f"/{prefix}/{file.name}", file.read_bytes())


def ids(location: str | Path, source: str | None = None) -> list[str]:
    return [record.id for record in read_records(location, source=source)]


def test_a_folder_of_records(shards: Path) -> None:
    """A folder that holds nothing but JSON Lines is read file by file, by name; lists of problems are none."""
    assert detect(shards) == "jsonl"
    source = open_source(shards)
    assert [record.id for record in source.records(raise_problem)] == ["a", "b", "c", "d"]
    assert (source.count(), source.image_root) == (4, shards)


def test_a_folder_of_images_stays_one(shards: Path) -> None:
    """Records that lie beside images, or a metadata file, do not make a folder one of shards; --source does."""
    (shards / "awe").mkdir()
    (shards / "awe" / "x.jpg").touch()
    assert ids(shards) == ["awe/x"]
    assert ids(shards, "jsonl") == ["a", "b", "c", "d"]


def test_a_pattern(shards: Path) -> None:
    """Wildcards name files; image paths start from the folder before the first one, or from --image-root."""
    assert ids(f"{shards}/*-00001.jsonl") == ["c", "d"]
    assert ids(shards.parent / "sh*" / "*0?.jsonl") == ["a", "b", "c", "d"]
    assert open_source(shards / "*.jsonl").image_root == shards
    assert open_source(shards.parent / "*" / "*.jsonl").image_root == shards.parent
    options = SourceOptions(image_root=shards.parent)
    assert open_source(shards / "*.jsonl", options).image_root == shards.parent
    (shards / "odd[1].jsonl").write_text(line("e"))
    assert ids(shards / "odd[1].jsonl") == ["e"]


def test_a_pattern_that_fits_nothing_useful(shards: Path) -> None:
    """No file, or files of two kinds, are refused with what to write."""
    with pytest.raises(InputError, match=r"no file here ends in .*'shards/\*\.jsonl'"):
        ids(f"{shards}/*.txt")
    (shards / "t.csv").write_text("image\na.jpg\n")
    with pytest.raises(InputError, match=r"not clear: .*jsonl, t\.csv are there.*--source"):
        ids(f"{shards}/*")
    assert ids(f"{shards}/*", "csv") == ["a"]


def test_ids_differ_over_all_shards(shards: Path) -> None:
    """An id that another shard gave is refused with both places."""
    (shards / "c.jsonl").write_text("\n" + line("b"))
    with pytest.raises(InputError, match=r"c\.jsonl:2: id 'b' was already given in .*b-00000\.jsonl:2"):
        ids(shards)


def test_tables_in_shards(tmp_path: Path) -> None:
    """CSV and Parquet shards are read as one table; a Parquet file's name says its split."""
    (tmp_path / "1.csv").write_text("image,emotion\na.jpg,awe\n")
    (tmp_path / "2.csv").write_text("emotion,image\nfear,b.jpg\n")
    assert [record.emotion for record in read_records(tmp_path / "*.csv")] == ["awe", "fear"]
    for name in ("test-0", "train-0"):
        pq.write_table(pa.table({"image": [f"{name}.jpg"]}), tmp_path / f"{name}.parquet")
    found = [(record.id, record.split) for record in read_records(tmp_path / "t*.parquet")]
    assert found == [("train-0", "train"), ("test-0", "test")]


def test_addresses(shards: Path, store: Any, tmp_path: Path) -> None:
    """A file, a folder and a pattern are read from a store as from a disk, and so are tables."""
    put(store, shards, "bucket/records")
    address = "memory://bucket/records"
    assert ids(f"{address}/b-00001.jsonl") == ["c", "d"]
    # Typer makes a Path of it, which folds the slashes.
    assert ids(Path(address)) == ids(f"{address}/*.jsonl") == ["a", "b", "c", "d"]
    source = open_source(address)
    assert (source.count(), source.image_root) == (None, Path())
    pq.write_table(pa.table({"image": ["x.jpg"], "emotion": ["awe"]}), tmp_path / "val-0.parquet")
    (tmp_path / "t.csv").write_text("image,emotion\ny.jpg,fear\n")
    store.pipe("/bucket/val-0.parquet", (tmp_path / "val-0.parquet").read_bytes())
    store.pipe("/bucket/t.csv", (tmp_path / "t.csv").read_bytes())
    (record,) = read_records("memory://bucket/val-0.parquet")
    assert (record.id, record.split) == ("x", "val")
    assert ids("memory://bucket/t.csv") == ["y"]


def test_images_inside_of_tables_at_an_address(store: Any, tmp_path: Path) -> None:
    """Images that a Parquet file in a store holds become files here, as those of a file here do."""
    pixel = b"\x89PNG\r\n\x1a\n" + bytes(20)
    pq.write_table(pa.table({"image": [pixel], "id": ["sun"]}), tmp_path / "t.parquet")
    store.pipe("/bucket/t.parquet", (tmp_path / "t.parquet").read_bytes())
    source: Any = open_source("memory://bucket/t.parquet")
    assert source.has_images_inside()
    (record,) = source.extract(tmp_path, lambda record: True, raise_problem)
    assert (tmp_path / record.image).read_bytes() == pixel


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("memory://nowhere/records.jsonl", "nothing is there"),
        ("nope://bucket/x.jsonl", "nothing here knows the way to nope://"),
        ("s3://key:word@bucket/x.jsonl", r"^s3://bucket/x\.jsonl: a key"),
        ("s3://buck[et/x.jsonl", "cannot be opened"),
        ("https://127.0.0.1/x.jsonl?X-Amz-Signature=word", "a key, or what may be one"),
        ("http://127.0.0.1:9/x.jsonl", "cannot be reached: nothing is there"),
    ],
)
def test_what_is_wrong_with_an_address(location: str, said: str) -> None:
    """An address is refused with itself, why, and what to install; a key in it is not repeated."""
    with pytest.raises(InputError, match=said) as caught:
        ids(location)
    assert "word" not in str(caught.value)


def test_a_store_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is said, for a store that fsspec knows and cannot speak to."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(MissingPackageError, match="pip install gcsfs"):
        ids("gs://bucket/x.jsonl")


def test_sources_of_disks_alone(store: Any) -> None:
    """A source that looks around in folders says that it wants one of this machine."""
    with pytest.raises(InputError, match="What the source folder reads must lie on a disk of this machine"):
        ids("memory://bucket/photos", "folder")


def test_a_store_that_fails_while_it_is_read(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a store's package raises, of whatever kind, is an error that names the file."""
    store.pipe("/bucket/x.jsonl", line("a").encode())

    class Broken:
        def read(self, count: int) -> bytes:
            raise RuntimeError("connection lost")

        def close(self) -> None: ...

    monkeypatch.setattr(type(store), "open", lambda *_: Broken())
    with pytest.raises(InputError, match=r"memory:///bucket/x\.jsonl: cannot be read: connection lost"):
        ids("memory://bucket/x.jsonl")


def test_images_of_a_folder_are_in_it(tmp_path: Path) -> None:
    """--image-root is refused where the source itself knows the folder."""
    (tmp_path / "a.jpg").touch()
    with pytest.raises(InputError, match="the source folder knows where its images are"):
        open_source(tmp_path, SourceOptions(image_root=tmp_path / "elsewhere"))
