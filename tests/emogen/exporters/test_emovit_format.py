"""EmoVIT's own list: what is written, and each rule with a row that breaks it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from broken_row import broken, without

from emogen.exporters.emovit import EmoVit
from emogen.exporters.export import export
from emogen.exporters.options import ExportOptions

GOOD: dict[str, Any] = {
    "id": "00000",
    "image": "amusement_00000.jpg",
    "conversations": [
        {"from": "human", "value": "What is it?"},
        {"from": "gpt", "value": "Predict emotion: amusement"},
    ],
}


def rows(samples: list[Any], out: Path, **options: Any) -> list[dict[str, Any]]:
    export(samples, "emovit", out, ExportOptions(**options))
    file = out / "train.json" if out.is_dir() else out
    loaded: list[dict[str, Any]] = orjson.loads(file.read_bytes())
    return loaded


def test_images_of_emoset_give_the_row_its_number(make_sample: Any, tmp_path: Path) -> None:
    """As in the repository, the id is the number in EmoSet's file name; other images have the record's id."""
    emoset = make_sample("x", image="image/amusement/amusement_00007.jpg")
    found = rows([emoset, make_sample("y", image="photos/cat.jpg")], tmp_path / "out.json")
    assert [(row["id"], row["image"]) for row in found] == [
        ("00007", "amusement_00007.jpg"),
        ("y", "cat.jpg"),
    ]


def test_images_are_put_into_one_folder(make_sample: Any, tmp_path: Path) -> None:
    """Copied images lie beside each other, as the rows name them."""
    (tmp_path / "image" / "awe").mkdir(parents=True)
    (tmp_path / "image" / "awe" / "awe_00001.jpg").write_bytes(b"\xff\xd8awe")
    sample = make_sample("x", image="image/awe/awe_00001.jpg")
    (row,) = rows([sample], tmp_path / "out", images="copy", image_root=tmp_path)
    assert (tmp_path / "out" / "images" / row["image"]).read_bytes() == b"\xff\xd8awe"


def test_two_images_of_one_name_are_both_left_out(make_sample: Any, tmp_path: Path) -> None:
    """Where a bare name would stand for two images, neither is written: which one it meant would be chance."""
    samples = [make_sample("a", image="x/1.jpg"), make_sample("b", image="y/1.jpg"), make_sample("c")]
    for order in (samples, samples[::-1]):
        report = export(order, "emovit", tmp_path / "out.json")
        assert (report.written, report.left_out) == (1, 2)
        assert [problem.place for problem in report.skipped] == ["a/conversation", "b/conversation"]
        assert "1.jpg is that of y/1.jpg too" in report.skipped[0].rule


def test_a_row_of_the_repository_is_no_problem() -> None:
    """The repository's own form is taken as it is."""
    assert EmoVit().check_row(GOOD) == []
    assert EmoVit().check_row(without(GOOD, "id")) == []


@pytest.mark.parametrize(
    ("row", "field", "rule"),
    [
        (without(GOOD, "image"), "image", "must be a path"),
        (without(GOOD, "conversations"), "conversations", "must be a list of turns"),
        (
            broken(GOOD, "conversations", GOOD["conversations"] * 2),
            "conversations",
            "first question and answer",
        ),
        (broken(GOOD, "conversations", GOOD["conversations"][:1]), "conversations", "even number"),
        (broken(GOOD, "conversations.0.value", "<image>\nWhat?"), "conversations[0].value", "must not hold"),
        (broken(GOOD, "conversations.1.value", "Calm.\n\nComplex"), "conversations[1].value", "cuts out"),
        (broken(GOOD, "conversations.1.value", " "), "conversations[1].value", "must not be blank"),
    ],
)
def test_each_rule_is_enforced(row: dict[str, Any], field: str, rule: str) -> None:
    """A row that EmoVIT's loader or model would misread is reported with field and rule."""
    problem = EmoVit().check_row(row)[0]
    assert problem.field == field
    assert rule in problem.rule
