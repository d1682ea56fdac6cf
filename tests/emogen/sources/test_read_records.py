from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from source_layouts import emoset, write_image

from emogen.errors import InputError, UnknownNameError
from emogen.schemas import ImageRecord
from emogen.sources import Problem, detect, raise_problem, read_records
from emogen.sources.usable import HOPELESS_AFTER, usable


@pytest.mark.parametrize("name", ["records.jsonl", "records.JSONL", "records.ndjson"])
def test_suffix_names_the_source(jsonl: Callable[..., Path], name: str) -> None:
    """The suffix of a file names its source, in upper or lower case."""
    assert [record.id for record in read_records(jsonl('{"image": "a.jpg"}', name=name))] == ["a"]


def test_folder(tmp_path: Path) -> None:
    """A folder that nothing else recognises is read as a folder of images."""
    write_image(tmp_path / "a.jpg")
    assert [record.id for record in read_records(tmp_path)] == ["a"]


def test_unknown_suffix(tmp_path: Path) -> None:
    """A suffix that no source knows is answered with the sources that there are."""
    path = tmp_path / "records.doc"
    path.touch()
    with pytest.raises(InputError, match=r"'\.doc'.*--source: .*emoset.*jsonl"):
        read_records(path)


def test_nothing_to_read(tmp_path: Path) -> None:
    """A path where nothing is, and a source that is none, are refused with the remedy."""
    with pytest.raises(InputError, match="no such file or folder"):
        read_records(tmp_path / "records.jsonl")
    with pytest.raises(UnknownNameError, match="Did you mean 'emoset'"):
        read_records(tmp_path, source="emoste")


def test_ambiguous(tmp_path: Path) -> None:
    """A folder that two sources recognise is read only when the user says how, and both signs are named."""
    folder = emoset(tmp_path)
    (folder / "metadata.jsonl").write_text('{"file_name": "a.jpg"}')
    with pytest.raises(InputError, match=r"emoset \(info\.json.* or as folder \(metadata\.jsonl.*--source"):
        detect(folder)
    assert [record.id for record in read_records(folder, source="folder")] == ["a"]


def test_a_file_of_any_name_can_be_named(jsonl: Callable[..., Path]) -> None:
    """With the source given, a file's name does not matter."""
    path = jsonl('{"image": "a.jpg"}', name="records.txt")
    assert [record.id for record in read_records(path, source="jsonl")] == ["a"]


def test_light() -> None:
    """Looking for a source imports neither an image library nor numpy nor torch nor pyarrow."""
    check = (
        "import sys, emogen.sources as s; s.detect('.'); [s.SOURCES.get(n) for n in s.SOURCES.names()];"
        "sys.exit(bool({'PIL', 'numpy', 'torch', 'pyarrow', 'huggingface_hub'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def record(name: str) -> ImageRecord:
    if name.startswith("bad"):
        raise InputError("is bad", where=name, remedy="Mend it.")
    return ImageRecord(id=name, image=f"{name}.jpg")


def test_problems_do_not_end_the_reading() -> None:
    """A row that cannot be used is told with its place and remedy, before the next record."""
    problems: list[Problem] = []
    found = [(item.id, len(problems)) for item in usable(["a", "bad", "b"], record, problems.append)]
    assert found == [("a", 0), ("b", 1)]
    assert [str(problem) for problem in problems] == ["bad: is bad. Mend it."]


@pytest.mark.parametrize("rows", [["bad"], ["bad"] * (HOPELESS_AFTER + 50)])
def test_nothing_usable(rows: list[str]) -> None:
    """Where no row can be used, or none of the first hundred, reading ends with the first row's error."""
    problems: list[Problem] = []
    with pytest.raises(InputError, match=r"^bad: none of the first \d+ rows can be used; the first: is bad"):
        list(usable(rows, record, problems.append))
    assert len(problems) < HOPELESS_AFTER


def test_same_record_twice() -> None:
    """A row that repeats an image is left out and told, unless it has an id of its own."""
    rows = [ImageRecord(id=name, image="a.jpg") for name in ("a", "a", "b")]
    problems: list[Problem] = []
    assert [item.id for item in usable(rows, lambda row: row, problems.append)] == ["a", "b"]
    assert [problem.where for problem in problems] == ["a.jpg"]


def test_raised_and_warned() -> None:
    """For whoever does not collect problems, a lost row is an error and a lesser one a warning."""
    with pytest.raises(InputError, match="a: gone"):
        raise_problem(Problem("a", "gone"))
    with pytest.warns(UserWarning, match="a: thin"):
        raise_problem(Problem("a", "thin", left_out=False))
