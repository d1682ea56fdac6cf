"""Hugging Face's imagefolder: what is written, and each rule of its reader with a row that breaks it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from broken_row import broken, without

from emogen.exporters.export import export
from emogen.exporters.imagefolder import ImageFolder
from emogen.exporters.options import ExportOptions
from emogen.exporters.validate import validate
from emogen.schemas import Sample

GOOD: dict[str, Any] = {
    "file_name": "photos/a.jpg",
    "messages": [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "A cat."}],
}


def test_each_split_is_a_folder_with_its_images_and_metadata(
    samples: list[Sample], pictures: Path, tmp_path: Path
) -> None:
    """Rows name images beside their metadata; the card says which split lies where."""
    out = tmp_path / "out"
    export(
        samples, "imagefolder", out, ExportOptions(image_root=pictures, split_by=(0.5, 0.5, 0), split_seed=3)
    )
    rows = {
        split: [json.loads(line) for line in (out / split / "metadata.jsonl").read_text().splitlines()]
        for split in ("train", "val")
    }
    (cat,), rockets = sorted(rows.values(), key=len)
    assert cat == {
        "file_name": "photos/cat ü.jpg",
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
    assert [row["id"] for row in rockets] == ["rocket/categorical", "rocket/conversation"]
    for split, listed in rows.items():
        names = {path.relative_to(out / split).as_posix() for path in (out / split / "photos").iterdir()}
        assert names == {row["file_name"] for row in listed}
    assert "- split: validation\n        path: val/**" in (out / "README.md").read_text()


def test_what_the_reader_takes_is_no_problem() -> None:
    """Columns of all kinds are taken: only the image's name is asked for."""
    for row in (GOOD, {"file_name": "a.PNG"}, {"file_name": "./a b/c.webp", "label": 3, "boxes": [[1, 2]]}):
        assert ImageFolder().check_row(row) == []


@pytest.mark.parametrize(
    ("row", "field", "rule"),
    [
        (without(GOOD, "file_name"), "file_name", "must be a path, not None"),
        (broken(GOOD, "file_name", "/a.jpg"), "file_name", "must be relative"),
        (broken(GOOD, "file_name", "../a.jpg"), "file_name", "stay inside"),
        (broken(GOOD, "file_name", "a.json"), "file_name", "must end in one of .jpg"),
        (broken(GOOD, "file_name", "metadata.jsonl"), "file_name", "must end in one of .jpg"),
        (broken(GOOD, "file_name", "a/.b.jpg"), "file_name", "begins with '.' or '__'"),
        (broken(GOOD, "file_name", "__a__/b.jpg"), "file_name", "begins with '.' or '__'"),
        (broken(GOOD, "messages", "Hello"), "messages", "must be a list of messages"),
        (broken(GOOD, "messages.0.role", "human"), "messages[0].role", "must be 'user'"),
        (broken(GOOD, "messages.1.content", ""), "messages[1].content", "must not be blank"),
        ({**GOOD, "question": " "}, "question", "must not be blank"),
        ({**GOOD, "answer": None}, "answer", "must be text"),
    ],
)
def test_each_rule_of_the_reader_is_enforced(row: object, field: str, rule: str) -> None:
    """A row that the reader would stop at, pass over or misread is reported with field, rule and remedy."""
    problem = ImageFolder().check_row(row)[0]
    assert problem.field == field
    assert rule in problem.rule
    assert problem.remedy.endswith(".")


def test_an_image_that_is_not_beside_the_metadata_is_a_problem(tmp_path: Path) -> None:
    """The reader opens every image, so that one which is not there ends it; the line is named."""
    metadata = tmp_path / "any folder" / "metadata.jsonl"
    metadata.parent.mkdir()
    (metadata.parent / "a.jpg").touch()
    metadata.write_text('{"file_name": "a.jpg"}\n{"file_name": "b.jpg"}\n')
    for path in (tmp_path, metadata):
        (problem,) = validate(path, "imagefolder")
        assert problem.place == f"{metadata}:2: row 1"
        assert "must be a file beside metadata.jsonl, not 'b.jpg'" in problem.rule
