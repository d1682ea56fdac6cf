"""Reading what is trained on, as it is and as it goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emogen.errors import InputError
from emovit_train.data import read_records, read_rows, split_rows
from tests.emovit_train.conftest import LABELS, sample_rows


def write_lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_each_turn_is_a_row(tmp_path: Path) -> None:
    """A sample with three turns gives three rows that know their record."""
    sample = sample_rows()[0]
    sample["turns"] *= 3
    rows = read_rows(write_lines(tmp_path / "samples.jsonl", [sample]))
    assert len(rows) == 3
    assert rows[0].record_id == "red"
    assert rows[0].emotion == "fear"
    assert rows[0].labels == tuple(LABELS)
    assert rows[0].kind == "categorical"
    assert rows[0].image == tmp_path / "red.png"


def test_image_root_comes_from_the_option_then_the_manifest(run_folder: Path, tmp_path: Path) -> None:
    """`--image-root` wins over the manifest's `image_root`, which wins over the data's own folder."""
    assert read_rows(run_folder)[0].image.parent == run_folder / "photos"
    assert read_rows(run_folder, tmp_path)[0].image.parent == tmp_path
    with pytest.raises(InputError, match="--image-root: no such folder"):
        read_rows(run_folder, tmp_path / "nowhere")


def test_the_order_of_the_samples_does_not_matter(tmp_path: Path) -> None:
    """Samples lie in their file as the answers came; what is trained on is in the same order all the same."""
    samples, file = sample_rows(), tmp_path / "samples.jsonl"
    rows = read_rows(write_lines(file, samples))
    assert read_rows(write_lines(file, samples[::-1])) == rows
    assert len({row.record_id for row in rows}) > 1


def test_records_are_read_once_from_samples_and_from_records(run_folder: Path) -> None:
    """Samples of one record count as one, and `records.jsonl` gives the same."""
    from_samples = read_records(run_folder / "samples.jsonl")
    assert [record.id for record, _ in from_samples] == ["red", "green", "blue", "white"]
    assert from_samples == read_records(run_folder / "records.jsonl")


def test_records_without_emotion_cannot_be_scored(tmp_path: Path) -> None:
    """Where no record has an emotion, that is said, with their number."""
    file = write_lines(tmp_path / "records.jsonl", [{"id": "a", "image": "a.png"}])
    with pytest.raises(InputError, match="none of the 1 records has an emotion"):
        read_records(file)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"record": ', r"samples\.jsonl:2: not valid JSON"),
        ("[1, 2]", r"samples\.jsonl:2: not a JSON object"),
        ('{"record": {}}', r"samples\.jsonl:2: record\.id: Field required"),
        ('{"id": "a", "image": "a.png"}', r"samples\.jsonl:2: this is a record"),
    ],
)
def test_broken_line_is_named_by_number(tmp_path: Path, line: str, message: str) -> None:
    """Every kind of broken line is an error with file and line number."""
    file = tmp_path / "samples.jsonl"
    file.write_text(json.dumps(sample_rows()[0]) + "\n" + line + "\n")
    with pytest.raises(InputError, match=message):
        read_rows(file)


def test_unknown_label_is_an_error_of_its_line(tmp_path: Path) -> None:
    """An emotion that is none of the record's labels is refused, and the labels are listed."""
    sample = sample_rows()[0]
    sample["record"]["emotion"] = "bliss"
    with pytest.raises(InputError, match=r"samples\.jsonl:1: .*'bliss' is not one of the labels amusement"):
        read_rows(write_lines(tmp_path / "samples.jsonl", [sample]))


def test_empty_and_missing_files_are_named(tmp_path: Path) -> None:
    """An empty file and a missing one are short errors with the path."""
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(InputError, match=r"empty\.jsonl: the file is empty"):
        read_rows(tmp_path / "empty.jsonl")
    with pytest.raises(InputError, match=r"absent\.jsonl: no such file"):
        read_rows(tmp_path / "absent.jsonl")


def test_held_out_rows_are_kept_apart(run_folder: Path) -> None:
    """`val` and `test` are held out, `train` and no split at all are trained on."""
    training, held_out = split_rows(read_rows(run_folder), run_folder)
    assert {row.record_id for row in training} == {"red", "green", "blue"}
    assert {row.record_id for row in held_out} == {"white"}


def test_everything_held_out_is_an_error(run_folder: Path) -> None:
    """There must be something to train on."""
    held_out = [row for row in read_rows(run_folder) if row.split == "test"]
    with pytest.raises(InputError, match="all 2 rows are held out"):
        split_rows(held_out, run_folder)


def test_photograph_on_both_sides_is_an_error(tmp_path: Path) -> None:
    """A photograph that is trained on cannot be held out as well."""
    first, second = sample_rows()[0], sample_rows()[0]
    second["record"] = {**second["record"], "id": "other", "split": "test"}
    file = write_lines(tmp_path / "samples.jsonl", [first, second])
    with pytest.raises(InputError, match=r"samples\.jsonl: 1 images are both trained on and held out"):
        read_rows(file)
