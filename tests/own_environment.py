"""Environments of a test's own, and programs that run in them."""

from __future__ import annotations

import os
import subprocess
import venv
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest


def bare_environment(folder: Path) -> Path:
    """Make an environment without anything, not even pip; return its interpreter."""
    venv.create(folder, symlinks=True)
    return folder / "bin" / "python"


def variables(home: Path, **more: str) -> dict[str, str]:
    """Return what a program in such an environment sees.

    Python's own variables would lead back to the checkout; pip's lead to the package index.
    """
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONNOUSERSITE": "1", **pip, **more}


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=variables(cwd),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kept_environment(cache: pytest.Cache, name: str, *installs: Sequence[str]) -> Path:
    """Return the interpreter of an environment that is kept for the next run with the same requirements.

    Args:
        cache: Where it is kept.
        name: What it is for.
        installs: What pip is given, one call after the other.
    """
    key = sha256(repr(installs).encode()).hexdigest()[:12]
    folder = cache.mkdir(f"{name}-{key}")
    python, done = folder / "env" / "bin" / "python", folder / "done"
    if not done.exists():
        bare_environment(folder / "env")
        run(python, "-m", "ensurepip", cwd=folder)
        for words in installs:
            run(python, "-m", "pip", "install", "--quiet", *words, cwd=folder)
        done.touch()
    return python
