"""What finished work is known by."""

from __future__ import annotations

from pathlib import Path

from emovit_train.reproduction.identity import digest_of, fingerprint, slug


def test_a_folder_is_known_by_its_bytes(tmp_path: Path) -> None:
    """Another byte, at either end of a large file, another name: another folder; another place: the same."""
    contents = [b"\0" * 9_000_000, b"\1" + b"\0" * 8_999_999, b"\0" * 8_999_999 + b"\1", b"\0" * 9_000_001]
    marks = []
    for number, content in enumerate(contents):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "weights").write_bytes(content)
        marks.append(fingerprint(str(folder)))
    assert len(set(marks)) == 4
    (tmp_path / "0").rename(tmp_path / "moved")
    assert fingerprint(str(tmp_path / "moved")) == marks[0]
    (tmp_path / "moved" / "weights").rename(tmp_path / "moved" / "other")
    assert fingerprint(str(tmp_path / "moved")) != marks[0]
    assert fingerprint("nano") == "nano"


def test_names_of_files() -> None:
    """A digest does not depend on the order of keys; a slug has nothing that a file's name may not have."""
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1}) != digest_of({"a": 2, "b": 1})
    assert slug("Vicuna-7B, 5% / x") == "vicuna-7b-5-x"
