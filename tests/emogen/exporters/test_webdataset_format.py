"""WebDataset: the shards, and each rule of its reader with a tar file that breaks it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from emogen.errors import InputError
from emogen.exporters import Problem
from emogen.exporters.export import export
from emogen.exporters.options import ExportOptions
from emogen.exporters.validate import validate
from emogen.schemas import Sample

JPEG = b"\xff\xd8 picture"


def tar(path: Path, *files: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w") as opened:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return path


def names(path: Path) -> list[str]:
    with tarfile.open(path) as opened:
        return opened.getnames()


def test_a_sample_is_an_image_and_its_json(samples: list[Sample], pictures: Path, tmp_path: Path) -> None:
    """The files of a sample have one key and lie together; nothing in them tells who wrote them when."""
    export(samples, "webdataset", tmp_path / "out", ExportOptions(image_root=pictures))
    (shard,) = (tmp_path / "out").glob("*.tar")
    assert shard.name == "train-000000.tar"
    with tarfile.open(shard) as opened:
        found = {info.name: opened.extractfile(info).read() for info in opened}  # type: ignore[union-attr]
        assert {(info.mtime, info.uid, info.gid, info.uname, info.mode) for info in opened} == {
            (0, 0, 0, "", 0o644)
        }
    assert list(found) == [f"{number:09}.{kind}" for number in range(3) for kind in ("jpg", "json")]
    rows = [json.loads(content) for name, content in found.items() if name.endswith(".json")]
    for number, row in enumerate(rows):
        assert found[f"{number:09}.jpg"] == (pictures / row["image"]).read_bytes()
    assert [row["id"] for row in rows] == ["cat/reasoning", "rocket/categorical", "rocket/conversation"]


def test_records_are_mixed(make_sample: Any, pictures: Path, tmp_path: Path) -> None:
    """Ids begin with the emotion in EmoSet, and a reader that shuffles in a buffer must meet all of them early."""
    many = [
        make_sample(f"{emotion}_{number}", image="photos/rocket.jpg")
        for emotion in "abc"
        for number in range(20)
    ]
    export(many, "webdataset", tmp_path / "out", ExportOptions(image_root=pictures))
    with tarfile.open(tmp_path / "out" / "train-000000.tar") as opened:
        contents = [opened.extractfile(info).read() for info in opened if info.name.endswith("json")]  # type: ignore[union-attr]
    begun = [json.loads(content)["id"][0] for content in contents]
    assert set(begun[:10]) == set("abc")


def test_shards_are_as_large_as_asked_for(make_sample: Any, pictures: Path, tmp_path: Path) -> None:
    """A shard ends before it would grow too large; keys go on; a sample that is too large has one of its own."""
    many = [make_sample(f"{number}", image="photos/rocket.jpg") for number in range(5)]
    export(many, "webdataset", tmp_path / "out", ExportOptions(image_root=pictures, shard_bytes=4096))
    shards = sorted((tmp_path / "out").glob("*.tar"))
    assert [shard.name for shard in shards] == ["train-000000.tar", "train-000001.tar", "train-000002.tar"]
    assert [len(names(shard)) // 2 for shard in shards] == [2, 2, 1]
    assert len({name for shard in shards for name in names(shard)}) == 10
    export(many, "webdataset", tmp_path / "tiny", ExportOptions(image_root=pictures, shard_bytes=1))
    assert len(list((tmp_path / "tiny").glob("*.tar"))) == 5


def test_what_is_no_jpeg_or_png_is_left_out(make_sample: Any, pictures: Path, tmp_path: Path) -> None:
    """The reader leaves other images undecoded, so that their samples are listed instead; so are broken ones."""
    (pictures / "photos" / "a.webp").write_bytes(b"RIFF\0\0\0\0WEBP")
    (pictures / "photos" / "b.png").write_bytes(b"<html>")
    three = [
        make_sample("good", image="photos/rocket.jpg"),
        make_sample("w", image="photos/a.webp"),
        make_sample("broken", image="photos/b.png"),
    ]
    report = export(three, "webdataset", tmp_path / "out", ExportOptions(image_root=pictures))
    assert report.written == 1
    assert [problem.place for problem in report.skipped] == ["broken/conversation", "w/conversation"]
    assert "does not begin as one" in report.skipped[0].rule
    assert "leaves others undecoded" in report.skipped[1].rule


def test_a_sample_of_other_files_is_taken(tmp_path: Path) -> None:
    """Anybody's shard of images with texts, classes or lists beside them loads."""
    path = tar(
        tmp_path / "a.tar",
        ("folder.1/000.jpg", JPEG),
        ("folder.1/000.txt", b"A caption."),
        ("001.PNG", b"\x89PNG\r\n\x1a\n"),
        ("001.cls", b"3"),
        ("002.jpeg", JPEG),
        ("002.json", b"[1, 2]"),
        ("__note__", b""),
    )
    assert validate(path, "webdataset") == []


GOOD = (("000.jpg", JPEG), ("000.json", b'{"a": 1}'))


@pytest.mark.parametrize(
    ("files", "field", "rule"),
    [
        ([("000.json", b"{}")], "sample", "must hold one image"),
        ([*GOOD, ("000.png", JPEG)], "sample", "one image (jpg, jpeg, png, ppm, pgm, pbm, pnm), not 2"),
        ([("2345.1.jpg", JPEG), ("2345.1.json", b"{}")], "key", "the key ends at the first dot"),
        ([*GOOD, ("001.jpg", JPEG), ("000.txt", b"late")], "sample", "must hold one image"),
        ([*GOOD, ("001.jpg", JPEG), *GOOD], "key", "must occur once, and its files lie together"),
        ([GOOD[0], *GOOD], "jpg", "must occur once in a sample"),
        ([("000.jpg", b"<html>"), GOOD[1]], "jpg", "does not begin as one"),
        ([GOOD[0], ("000.json", b"{")], "json", "must be JSON that can be read"),
        ([GOOD[0], ("000.json", b'{"question": " "}')], "question", "must not be blank"),
    ],
)
def test_each_rule_of_the_reader_is_enforced(
    files: Sequence[tuple[str, bytes]], field: str, rule: str, tmp_path: Path
) -> None:
    """A sample that the reader would tear apart, mix up or stop at is reported with its key."""
    problems: list[Problem] = validate(tar(tmp_path / "a.tar", *files), "webdataset")
    assert any(problem.field == field and rule in problem.rule for problem in problems), problems
    assert all("a.tar: row " in problem.place for problem in problems)


@pytest.mark.parametrize("keep", [0.5, 0.99])
def test_a_cut_shard_is_refused(keep: float, tmp_path: Path) -> None:
    """Half a download, or something else than a tar file, is our error with the file's name."""
    path = tar(tmp_path / "a.tar", ("000.jpg", JPEG + bytes(20_000)), ("000.json", b"{}"))
    whole = path.read_bytes()
    path.write_bytes(whole[: 512 + int(20_000 * keep)])
    with pytest.raises(InputError, match=r"a\.tar"):
        validate(path, "webdataset")
    path.write_bytes(b"no tar file at all" * 100)
    with pytest.raises(InputError, match="not a whole tar file"):
        validate(path, "webdataset")
