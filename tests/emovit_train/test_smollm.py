"""The cache of the converted language model."""

from __future__ import annotations

from pathlib import Path

import pytest

from emogen.errors import EmovitError
from emovit_train import smollm


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")
    monkeypatch.setattr(smollm, "local_model_file", lambda: file)
    monkeypatch.setenv("EMOVIT_CACHE", str(tmp_path / "cache"))
    return file


def test_weights_are_converted_once(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call finds the first one's folder; other weights get another folder."""
    calls: list[Path] = []
    monkeypatch.setattr(smollm, "_convert", lambda _, folder: (calls.append(folder), (folder / "x").touch()))
    first = smollm.converted_folder()
    assert smollm.converted_folder() == first
    assert len(calls) == 1
    source.write_bytes(b"other weights")
    assert smollm.converted_folder() != first


def test_failed_conversion_leaves_nothing(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A conversion that breaks off leaves no folder that a later call would take for whole."""

    def fail(_: Path, folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("disk full")

    monkeypatch.setattr(smollm, "_convert", fail)
    with pytest.raises(EmovitError, match="disk full"):
        smollm.converted_folder()
    assert list(smollm.cache_dir().iterdir()) == []


def test_folder_of_a_faster_process_is_taken(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another process finishes first, its folder is used."""

    def outrun(_: Path, folder: Path) -> None:
        target = folder.parent / folder.name[1:].rsplit("-", 1)[0]
        target.mkdir()
        (target / "theirs").touch()

    monkeypatch.setattr(smollm, "_convert", outrun)
    assert (smollm.converted_folder() / "theirs").exists()
