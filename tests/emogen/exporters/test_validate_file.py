"""Anybody's file: each problem with its place, and broken files refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from emogen.errors import InputError
from emogen.exporters.validate import validate

ROW = {"question_id": 1, "question": "Q?", "image": "a.jpg", "answer": ["A."]}


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_a_problem_is_named_with_line_and_row(tmp_path: Path) -> None:
    """In an indented file too, the line is where the row begins."""
    rows = [ROW, {**ROW, "question_id": 2, "answer": "A."}]
    path = write(tmp_path / "train.json", json.dumps(rows, indent=2))
    (problem,) = validate(path, "instructblip")
    line = path.read_text().splitlines().index("  {", 2) + 1
    assert str(problem).startswith(f"{path}:{line}: row 1: answer must be a list")


def test_a_repeated_question_id_is_reported_with_its_twin(tmp_path: Path) -> None:
    """LAVIS keeps one result a question_id, so the second row is reported."""
    path = write(tmp_path / "train.json", json.dumps([ROW, ROW]))
    (problem,) = validate(path, "instructblip")
    assert problem.field == "question_id"
    assert f"{path}:1: row 0" in problem.rule


def test_repeated_ids_are_llava_s_own_habit(tmp_path: Path) -> None:
    """LLaVA does not read ids, so repeated ones are no problem."""
    turns = [{"from": "human", "value": "Q?"}, {"from": "gpt", "value": "A."}]
    path = write(tmp_path / "train.json", json.dumps([{"id": "a", "conversations": turns}] * 2))
    assert validate(path, "llava") == []


def test_the_released_emovit_form_lacks_the_picture_token(tmp_path: Path) -> None:
    """The first EmoVIT release's rows would train LLaVA without their pictures, which is reported."""
    turns = [{"from": "human", "value": "Q?"}, {"from": "gpt", "value": "Predict emotion: awe"}]
    row = {"id": "00000", "image": "awe_00000.jpg", "conversations": turns}
    (problem,) = validate(write(tmp_path / "train.json", json.dumps([row])), "llava")
    assert "without its picture" in problem.rule


def test_an_empty_list_is_a_problem(tmp_path: Path) -> None:
    """A file without rows is valid JSON and no training data."""
    (problem,) = validate(write(tmp_path / "train.json", " [ ]\n"), "llava")
    assert "at least one row" in problem.rule


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("", "1:1", "not a JSON list, at the end"),
        ('{"a": 1}\n{"a": 2}\n', "1:1", "not a JSON list"),
        ("\ufeff[]", "1:1", "not a JSON list"),
        ("[{},\n {]", "2:3", "broken JSON"),
        ("[{}\n{}]", "2:1", "',' or ']' is missing"),
        ("[{},\n]", "2:1", "broken JSON"),
        ("[{},\n{}", "2:3", "',' or ']' is missing, at the end"),
        ("[{}]\n[{}]", "2:1", "text after the end of the list"),
        ("[" + "[" * 100_000, "1:2", "cannot be read"),
        ("[" + "9" * (sys.get_int_max_str_digits() + 1) + "]", "1:2", "cannot be read"),
    ],
    ids=["empty", "lines", "byte order mark", "broken", "comma", "last comma", "cut", "two", "deep", "huge"],
)
def test_a_broken_file_is_refused_with_its_place(text: str, place: str, what: str, tmp_path: Path) -> None:
    """JSON that does not load is our error, with line and column, and never a traceback."""
    path = write(tmp_path / "train.json", text)
    with pytest.raises(InputError) as caught:
        validate(path, "llava")
    assert what in caught.value.what
    assert caught.value.where == f"{path}:{place}"


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """Another encoding is named as such, with the byte."""
    path = tmp_path / "train.json"
    path.write_bytes('["ü"]'.encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8 at byte 2"):
        validate(path, "llava")


@pytest.mark.parametrize(
    ("name", "message"), [("missing.json", "cannot be read"), ("", "holds none of train")]
)
def test_a_file_that_cannot_be_read_is_refused(name: str, message: str, tmp_path: Path) -> None:
    """A missing file and a folder that is no export are our error."""
    with pytest.raises(InputError, match=message):
        validate(tmp_path / name, "llava")
