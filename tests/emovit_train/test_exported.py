"""Exported lists give the rows that they were made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emogen.errors import InputError
from emovit_train.data import read_rows


def write(path: Path, entries: Any) -> Path:
    path.write_text(json.dumps(entries, indent=1))
    return path


def test_llava_conversation_gives_a_row_per_turn(tmp_path: Path) -> None:
    """Each pair of turns is a row, and the image token is no part of the question."""
    values = ["<image>\nWhat is it?", "A cup.", "Why?", "It is round."]
    turns = [{"from": ("human", "gpt")[n % 2], "value": value} for n, value in enumerate(values)]
    file = write(tmp_path / "llava.json", [{"id": "a", "image": "a.png", "conversations": turns}])
    rows = read_rows(file)
    assert [(row.question, row.answer) for row in rows] == [
        ("What is it?", "A cup."),
        ("Why?", "It is round."),
    ]
    assert rows[0].image == tmp_path / "a.png"
    assert rows[0].split is None


def test_sharegpt_row_names_its_image_in_a_list(tmp_path: Path) -> None:
    """LLaMA-Factory's rows hold a list of images, of which ours have one."""
    turns = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A cup."}]
    (row,) = read_rows(
        write(tmp_path / "rows.json", [{"id": "a", "conversations": turns, "images": ["a.png"]}])
    )
    assert (row.image, row.question) == (tmp_path / "a.png", "What?")


def test_instructblip_row_gives_its_first_answer(tmp_path: Path) -> None:
    """A VQA row is one question with the first of its answers."""
    entry = {
        "question_id": 7,
        "question": "What?",
        "image": "a.png",
        "answer": ["A cup."],
        "dataset": "emovit",
    }
    (row,) = read_rows(write(tmp_path / "vqa.json", [entry]))
    assert (row.question, row.answer, row.record_id) == ("What?", "A cup.", "7")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"id": "a", "image": "a.png", "conversations": [{"from": "gpt", "value": "A"}]}, "take turns"),
        (
            {"id": "a", "conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
            "image",
        ),
        ({"question": "What?"}, "neither a LLaVA nor an InstructBLIP row"),
        ({"question_id": 1, "question": "Q", "image": "a.png", "answer": []}, "neither"),
        (3, "neither"),
    ],
)
def test_foreign_entry_is_named_by_number(tmp_path: Path, entry: Any, message: str) -> None:
    """An entry that fits no format is an error with file and number."""
    with pytest.raises(InputError, match=message) as caught:
        read_rows(write(tmp_path / "rows.json", [entry]))
    assert str(caught.value).startswith(f"{tmp_path / 'rows.json'}, entry 1")


def test_broken_and_empty_lists_are_errors(tmp_path: Path) -> None:
    """A list that ends too early, or holds nothing, is a short error."""
    (tmp_path / "broken.json").write_text('[{"id": 1},\n')
    with pytest.raises(InputError, match=r"broken\.json:2: not valid JSON"):
        read_rows(tmp_path / "broken.json")
    with pytest.raises(InputError, match="the list is empty"):
        read_rows(write(tmp_path / "empty.json", []))


def test_exports_tell_their_instruction_type(tmp_path: Path) -> None:
    """Our exports keep the type, in a LLaVA row's id and a VQA row's data set; other files do not tell."""
    turns = [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]
    vqa = {"question_id": 7, "question": "Q", "image": "a.png", "answer": ["A"]}
    entries = [
        {"id": "cup/reasoning", "image": "a.png", "conversations": turns},
        {"id": "cup/7", "image": "a.png", "conversations": turns},
        {**vqa, "dataset": "emogen-conversation"},
        {**vqa, "dataset": "vqav2"},
    ]
    rows = read_rows(write(tmp_path / "rows.json", entries))
    assert [row.instruction for row in rows] == ["reasoning", "", "conversation", ""]
