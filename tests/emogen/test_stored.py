"""Reading samples fast says the same as reading them whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogen.errors import InputError
from emogen.schemas import Attributes, ImageRecord, Provenance, Sample, Turn
from emogen.stored import StoredSample, as_stored, stored_samples

PROVENANCE = Provenance(backend="none", model="", prompt_sha256="", template_sha256="")
SAMPLE = Sample(
    record=ImageRecord(
        id="cat/1",
        image="photos/cat.jpg",
        emotion="awe",
        caption='She says "hi".',
        attributes=Attributes(brightness=0.5, object=("Cat",)),
        split="val",
        origin={"caption": "metadata"},
    ),
    instruction="conversation",
    turns=(
        Turn(question="Who?", answer="A cat\nin a hat.", kind="basic"),
        Turn(question="Why?", answer="« ü »", kind="advanced"),
    ),
    flags=("length",),
    provenance=PROVENANCE,
)
ROW: dict[str, Any] = SAMPLE.model_dump(mode="json")


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def plain(sample: StoredSample) -> tuple[Any, ...]:
    record = sample.record
    turns = [(turn.question, turn.answer, turn.kind) for turn in sample.turns]
    return record.id, record.image, record.emotion, record.split, sample.instruction, turns, sample.flags


def test_no_row_that_emogen_writes_is_read_the_slow_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All fields of the schemas are known to the fast way."""
    monkeypatch.setattr(Sample, "model_validate_json", None)
    assert len(list(stored_samples(write(tmp_path / "samples.jsonl", json.dumps(ROW))))) == 1


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    """Every field that is handed on comes back as it was; blank lines are no rows."""
    (sample,) = stored_samples(write(tmp_path / "samples.jsonl", "", json.dumps(ROW), "  "))
    assert plain(sample) == plain(as_stored(SAMPLE))
    assert plain(sample) == (
        "cat/1",
        "photos/cat.jpg",
        "awe",
        "val",
        "conversation",
        [("Who?", "A cat\nin a hat.", "basic"), ("Why?", "« ü »", "advanced")],
        ["length"],
    )


@pytest.mark.parametrize(
    "row",
    [
        {key: value for key, value in ROW.items() if key != "flags"},
        {key: ROW[key] for key in reversed(ROW)},
        {**ROW, "record": {"id": "cat", "image": "cat.jpg"}},
    ],
    ids=["without defaults", "in another order", "a bare record"],
)
def test_another_writer_s_rows_are_read(row: dict[str, Any], tmp_path: Path) -> None:
    """A row that is valid is read, whoever wrote it."""
    (sample,) = stored_samples(write(tmp_path / "samples.jsonl", json.dumps(row)))
    assert plain(sample) == plain(as_stored(Sample.model_validate(row)))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "Invalid JSON"),
        ("[1]", "line: "),
        ({**ROW, "extra": 1}, "extra: Extra inputs"),
        ({**ROW, "turns": []}, "turns: "),
        ({**ROW, "turns": [{"question": "", "answer": "A", "kind": "basic"}]}, "turns.0.question: "),
        ({**ROW, "turns": [{"question": "Q", "answer": "A", "kind": ["basic"]}]}, "turns.0.kind: "),
        ({**ROW, "record": {**ROW["record"], "split": {}}}, "record.split: "),
        ({**ROW, "record": {**ROW["record"], "image": None}}, "record.image: "),
        ({**ROW, "flags": "length"}, "flags: "),
    ],
)
def test_a_broken_row_is_named_with_its_line_and_field(row: object, message: str, tmp_path: Path) -> None:
    """What no sample is, is refused in the words of the whole validation."""
    path = write(
        tmp_path / "samples.jsonl", json.dumps(ROW), row if isinstance(row, str) else json.dumps(row)
    )
    with pytest.raises(InputError, match=message) as caught:
        list(stored_samples(path))
    assert caught.value.where == f"{path}:2"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file is our error, with its name."""
    with pytest.raises(InputError, match=r"nothing\.jsonl: cannot be read"):
        list(stored_samples(tmp_path / "nothing.jsonl"))


@given(
    path=st.sampled_from([(), ("record",), ("record", "id"), ("turns",), ("turns", 0), ("turns", 0, "kind")]),
    value=st.one_of(
        st.none(), st.booleans(), st.integers(), st.text("ab\u00e9", max_size=3), st.just([]), st.just({})
    ),
)
def test_fast_and_whole_reading_agree(
    path: tuple[Any, ...], value: object, new_folder: Callable[[], Path]
) -> None:
    """Whatever stands in the place of a field that is handed on: both take it alike, or both refuse it."""
    row = json.loads(json.dumps(ROW))
    if path:
        parent = row
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = value
    else:
        row = value
    file = write(new_folder() / "samples.jsonl", json.dumps(row))
    try:
        whole = plain(as_stored(Sample.model_validate_json(json.dumps(row))))
    except ValueError:
        with pytest.raises(InputError):
            list(stored_samples(file))
    else:
        assert [plain(sample) for sample in stored_samples(file)] == [whole]
