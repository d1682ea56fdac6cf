"""Compiling the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from emogen.errors import InputError
from emovit_train.train import train
from tests.emovit_train.conftest import tiny_settings


def test_missing_compiler_is_told_at_once(tmp_path: Path) -> None:
    """Without a C++ compiler, `--compile` ends before data or model are read, and says what to install."""
    from torch._inductor import config

    nothing = tmp_path / "nothing"
    settings = tiny_settings(nothing, compile=True, device="cpu")
    # A name of its own: torch remembers what it found under one.
    with (
        config.patch({"cpp.cxx": (None, str(tmp_path / "g++"))}),
        pytest.raises(InputError, match=r"no working C\+\+ compiler.*CXX"),
    ):
        train(nothing, tmp_path / "out", settings)
