"""What `--engine` says where Ray is not to be had, or not asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Emogen


def test_ray_that_is_not_installed_is_named(
    emogen: Emogen, records_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line that installs it is in the message; nothing is lost."""
    monkeypatch.setitem(sys.modules, "ray", None)
    words = [records_file(1), "--types", "categorical", "--out", tmp_path / "run"]
    code, _, err = emogen("generate", *words, "--engine", "ray")
    assert code == 3
    assert "pip install 'emovit-toolkit[ray]'" in err
    assert emogen("generate", *words)[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "rey"], "Did you mean 'ray'?"),
        (["--workers", "4"], "--workers: is of use only with --engine ray"),
        (["--engine", "ray", "--workers", "0"], "Write it as 4, or as 1:8"),
        (["--engine", "ray", "--address", "127.0.0.1:1"], "--address: there is no cluster at '127.0.0.1:1'"),
        (["--engine", "ray", "--address", "head:port"], "Start one with `ray start --head`"),
        (["--engine", "ray", "--address", "ray://head:10001"], "--address auto"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    words: list[str], said: str, emogen: Emogen, records_file: Callable[..., Path], tmp_path: Path
) -> None:
    """Each says what to do instead."""
    told = [records_file(1), "--types", "categorical", "--out", tmp_path / "run"]
    code, _, err = emogen("generate", *told, *words)
    assert code == 2
    assert said in err
