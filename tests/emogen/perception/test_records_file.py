from __future__ import annotations

from pathlib import Path

import pytest

from emogen.errors import InputError
from emogen.perception.records_file import replacing


def test_replaces_at_the_end(tmp_path: Path) -> None:
    """The earlier file stays until the new one is whole."""
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"earlier")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"earlier"
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["records.jsonl"]


def test_unwritable(tmp_path: Path) -> None:
    """A file in a place where none can be made is refused before any work is done."""
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "records.jsonl", tmp_path / "file" / "sub" / "records.jsonl"):
        with pytest.raises(InputError, match=str(path)), replacing(path):
            pytest.fail("the block must not run")
