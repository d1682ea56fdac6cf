"""Compiling the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from emogen.errors import InputError
from emovit_train.resume import STATE
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


@pytest.mark.slow
# torch's compiler warns of its own code, and takes a warning that is an error for the end of its work.
@pytest.mark.filterwarnings("ignore")
def test_compiled_run_ends_as_a_plain_one(tiny_folder: Path, run_folder: Path, tmp_path: Path) -> None:
    """`--compile` trains to the end, to the losses of the plain model, and keeps what is frozen."""
    plain, compiled = (
        train(
            run_folder,
            tmp_path / name,
            tiny_settings(tiny_folder, epochs=2, lr=1e-3, device="cpu", compile=name == "compiled"),
        )
        for name in ("plain", "compiled")
    )
    assert compiled.loss_end == pytest.approx(plain.loss_end, abs=1e-4)
    assert compiled.held_out_loss_end == pytest.approx(plain.held_out_loss_end, abs=1e-4)
    assert compiled.loss_end < compiled.loss_start
    assert compiled.frozen_sha256_after == plain.frozen_sha256_after
    assert not (tmp_path / "compiled" / STATE).exists()
