"""Environments of a test's own, and programs that run in them."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path


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
