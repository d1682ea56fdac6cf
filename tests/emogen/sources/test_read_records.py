from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emogen.errors import InputError, UnknownNameError
from emogen.sources import SOURCES, read_records


@pytest.mark.parametrize("name", ["records.jsonl", "records.JSONL"])
def test_suffix_names_the_reader(jsonl: Callable[..., Path], name: str) -> None:
    """The suffix of a file names its reader, in upper or lower case."""
    assert [record.id for record in read_records(jsonl('{"image": "a.jpg"}', name=name))] == ["a"]


def test_folder(tmp_path: Path) -> None:
    """A folder is read as a folder of images."""
    (tmp_path / "a.jpg").touch()
    assert [record.id for record in read_records(tmp_path)] == ["a"]


def test_unknown_suffix(tmp_path: Path) -> None:
    """A suffix that no reader knows is answered with those that are known."""
    path = tmp_path / "records.csv"
    path.touch()
    with pytest.raises(UnknownNameError, match=r"unknown source 'csv'.*jsonl"):
        read_records(path)


def test_nothing_to_read(tmp_path: Path) -> None:
    """A missing file, or one without a suffix, is refused with the remedy."""
    with pytest.raises(InputError, match=r"no such file. `emogen describe`"):
        read_records(tmp_path / "records.jsonl")
    (tmp_path / "records").touch()
    with pytest.raises(InputError, match=r"Rename it to end in \.jsonl"):
        read_records(tmp_path / "records")


@pytest.mark.parametrize("name", SOURCES.names())
def test_every_source_refuses_a_missing_path(name: str, tmp_path: Path) -> None:
    """Each source answers a path that is not there with an InputError that names it."""
    with pytest.raises(InputError, match="missing"):
        next(SOURCES.get(name)(tmp_path / "missing"))


def test_light() -> None:
    """Reading records imports neither an image library nor numpy nor torch."""
    check = (
        "import sys, emogen.sources, emogen.sources.jsonl, emogen.sources.folder;"
        "sys.exit(bool({'PIL', 'numpy', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
