"""Parquet with the images inside: columns, groups, shards, and what is wrong with anybody's file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emogen.errors import InputError
from emogen.exporters import parquet_file
from emogen.exporters.export import export
from emogen.exporters.options import ExportOptions
from emogen.exporters.validate import validate
from emogen.schemas import Sample

JPEG = b"\xff\xd8 picture"


def test_a_row_holds_its_image_and_its_messages(
    samples: list[Sample], pictures: Path, tmp_path: Path
) -> None:
    """One file, one row a sample; the image is bytes and path, and declared as an image."""
    out = tmp_path / "out.parquet"
    export(samples, "parquet", out, ExportOptions(image_root=pictures))
    cat, categorical, conversation = pq.read_table(out).to_pylist()
    assert cat == {
        "image": {"bytes": (pictures / "photos/cat ü.jpg").read_bytes(), "path": "photos/cat ü.jpg"},
        "id": "cat/reasoning",
        "record_id": "cat",
        "instruction": "reasoning",
        "emotion": "awe",
        "kinds": ["reasoning"],
        "messages": [
            {"role": "user", "content": 'What does "Chelsea" feel?'},
            {"role": "assistant", "content": "Calm.\nShe looks up…"},
        ],
    }
    assert (categorical["id"], conversation["id"]) == ("rocket/categorical", "rocket/conversation")
    assert conversation["kinds"] == ["basic", "basic", "advanced"]
    about = json.loads(pq.read_schema(out).metadata[b"huggingface"])
    assert about["info"]["features"]["image"] == {"_type": "Image"}
    assert list(about["info"]["features"]) == pq.read_schema(out).names


def test_images_may_be_named_instead(samples: list[Sample], tmp_path: Path) -> None:
    """--images reference leaves the bytes out, and nobody looks for the files."""
    out = tmp_path / "out.parquet"
    export(samples, "parquet", out, ExportOptions(turns="single", images="reference"))
    rows = pq.read_table(out).to_pylist()
    assert {(row["image"]["bytes"], row["image"]["path"]) for row in rows} == {
        (None, "photos/cat ü.jpg"),
        (None, "photos/rocket.jpg"),
    }
    assert {"kind", "question", "answer"} < rows[0].keys()
    assert validate(out, "parquet") == []


def test_groups_and_shards_are_bounded(
    make_sample: Any, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a reader must hold at once is a group of so many bytes; files end where they would grow too large."""
    monkeypatch.setattr(parquet_file, "GROUP_BYTES", 30_000)
    (pictures / "photos" / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(9_000))
    many = [make_sample(f"{number}", image="photos/large.png") for number in range(9)]
    export(many, "parquet", tmp_path / "one.parquet", ExportOptions(image_root=pictures))
    with pq.ParquetFile(tmp_path / "one.parquet") as opened:
        sizes = [opened.metadata.row_group(i).num_rows for i in range(opened.num_row_groups)]
    assert sizes == [3, 3, 3]
    options = ExportOptions(image_root=pictures, split_by=(1, 0, 0), shard_bytes=70_000)
    export(many, "parquet", tmp_path / "out", options)
    files = sorted((tmp_path / "out").glob("*.parquet"))
    assert [file.name for file in files] == ["train-000000.parquet", "train-000001.parquet"]
    assert [pq.read_metadata(file).num_rows for file in files] == [6, 3]
    assert validate(tmp_path / "out", "parquet") == []


def table(path: Path, image: Any, kind: Any, declared: object = "Image", **columns: list[Any]) -> Path:
    about = json.dumps({"info": {"features": {"image": {"_type": declared}}}})
    arrays = {"image": pa.array(image, kind), **{name: pa.array(each) for name, each in columns.items()}}
    pq.write_table(pa.table(arrays).replace_schema_metadata({"huggingface": about}), path)
    return path


IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
GOOD = {"bytes": JPEG, "path": None}


def test_anybody_s_columns_are_taken(tmp_path: Path) -> None:
    """An embedded image needs no name, and other columns hold what they like."""
    path = table(tmp_path / "a.parquet", [GOOD, {"bytes": JPEG, "path": "/tmp/b.jpg"}], IMAGE, label=[1, 2])
    assert validate(path, "parquet") == []


@pytest.mark.parametrize(
    ("image", "kind", "declared", "columns", "field", "rule"),
    [
        (["a.jpg"], pa.string(), "Image", {}, "image", "must be a struct of bytes and path, not string"),
        ([GOOD], IMAGE, "Value", {}, "image", "must be declared an Image"),
        ([GOOD], IMAGE, None, {}, "image", "must be declared an Image"),
        ([{"bytes": b"<html>", "path": None}], IMAGE, "Image", {}, "image.bytes", "does not begin as one"),
        ([{"bytes": None, "path": None}], IMAGE, "Image", {}, "image", "must be a path, not None"),
        ([{"bytes": None, "path": "/a.jpg"}], IMAGE, "Image", {}, "image", "must be relative"),
        ([GOOD], IMAGE, "Image", {"answer": [""]}, "answer", "must not be blank"),
        (
            [GOOD],
            IMAGE,
            "Image",
            {"messages": [[{"role": "user", "content": "Q?"}]]},
            "messages",
            "end with an answer",
        ),
    ],
)
def test_each_rule_is_enforced(
    image: Any, kind: Any, declared: object, columns: Any, field: str, rule: str, tmp_path: Path
) -> None:
    """A file that readers would show as something else than images with texts is reported."""
    problems = validate(table(tmp_path / "a.parquet", image, kind, declared, **columns), "parquet")
    assert any(problem.field == field and rule in problem.rule for problem in problems), problems
    assert problems[0].place == f"{tmp_path / 'a.parquet'}: row 0"


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    """A damaged file is our error, with its name; a column that is missing is a problem."""
    path = table(tmp_path / "a.parquet", [GOOD], IMAGE)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"a\.parquet"):
        validate(path, "parquet")
    pq.write_table(pa.table({"picture": ["a"]}), path)
    assert next(iter(validate(path, "parquet"))).rule == "must be a column"
