"""What `train --engine lavis` and `setup-lavis` refuse, before LAVIS is asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emogen.errors import InputError
from emovit_train.cli import app
from emovit_train.lavis import environment


def error_of(*words: object) -> str:
    with pytest.raises(InputError) as caught:
        CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert caught.value.remedy
    return str(caught.value)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that counts as LAVIS' environment: nothing in these tests starts it."""
    folder = tmp_path / "environment"
    folder.mkdir()
    (folder / ".made-with").write_text("")
    monkeypatch.setenv(environment.VARIABLE, str(folder))
    return folder


@pytest.fixture
def rows(run_folder: Path, tmp_path: Path) -> Path:
    file = tmp_path / "data.json"
    row = {"question_id": 1, "question": "What?", "image": "red.png", "answer": ["red"]}
    file.write_text(json.dumps([row | {"question_id": number} for number in range(4)]))
    return file


def told(rows: Path, run_folder: Path, model: Path, tmp_path: Path) -> list[object]:
    where = ["--image-root", run_folder / "photos", "--model", model, "--out", tmp_path / "out"]
    return ["train", rows, *where, "--engine", "lavis", "--batch-size", 2]


def test_without_an_environment(
    rows: Path, run_folder: Path, tiny_t5_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where LAVIS is not set up, the error names the command that does it."""
    monkeypatch.setenv(environment.VARIABLE, str(tmp_path / "nowhere"))
    assert "emovit_train setup-lavis" in error_of(*told(rows, run_folder, tiny_t5_folder, tmp_path))


@pytest.mark.usefixtures("made")
def test_vicuna(rows: Path, run_folder: Path, tiny_folder: Path, tmp_path: Path) -> None:
    """LAVIS 1.0.2 knows no Llama."""
    assert "knows no Llama" in error_of(*told(rows, run_folder, tiny_folder, tmp_path))


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    "option", [("--max-steps", 3), ("--loss-norm", "sample"), ("--frozen-dtype", "bfloat16"), ("--resume",)]
)
def test_settings_that_lavis_has_not(
    rows: Path, run_folder: Path, tiny_t5_folder: Path, tmp_path: Path, option: tuple[object, ...]
) -> None:
    """What LAVIS cannot do is refused by the option's name, not passed over."""
    message = error_of(*told(rows, run_folder, tiny_t5_folder, tmp_path), *option)
    assert message.startswith(str(option[0]))


@pytest.mark.usefixtures("made")
def test_other_data(run_folder: Path, tiny_t5_folder: Path, tmp_path: Path) -> None:
    """LAVIS reads its own format only; the error says how to make it."""
    message = error_of(*told(run_folder, run_folder, tiny_t5_folder, tmp_path))
    assert "--format instructblip" in message


@pytest.mark.usefixtures("made")
def test_too_few_rows(rows: Path, run_folder: Path, tiny_t5_folder: Path, tmp_path: Path) -> None:
    """LAVIS drops an unfilled batch: with fewer rows than one, nothing would be trained."""
    message = error_of(*told(rows, run_folder, tiny_t5_folder, tmp_path), "--batch-size", 5)
    assert "4 rows make no batch of 5" in message


def test_environment_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment made with the same constraints is left alone; with others it is made anew."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    (tmp_path / "pyvenv.cfg").touch()
    (tmp_path / ".made-with").write_text(environment._made_with())
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(environment, "_run", lambda *command: ran.append(command))
    environment.install(tmp_path)
    assert ran == []
    (tmp_path / ".made-with").write_text("older")
    environment.install(tmp_path, python=shutil.which("python3.11") or "python3")
    assert ["--clear" in command for command in ran] == [True, False]
    assert (tmp_path / ".made-with").read_text() == environment._made_with()


def test_folder_that_is_no_environment(tmp_path: Path) -> None:
    """A folder with anything else in it is not cleared."""
    (tmp_path / "thesis.txt").touch()
    assert "no environment" in error_of("setup-lavis", "--folder", tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_python_that_lavis_cannot_use(tmp_path: Path) -> None:
    """Its dependencies have wheels for two versions of Python only."""
    message = error_of("setup-lavis", "--folder", tmp_path / "new", "--python", "no-such-python")
    assert "needs Python 3.11 or 3.10" in message


def test_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before gigabytes are fetched, the room for them is looked at."""
    monkeypatch.setattr(environment, "NEEDED_BYTES", 2**62)
    assert "are free" in error_of("setup-lavis", "--folder", tmp_path / "new")
