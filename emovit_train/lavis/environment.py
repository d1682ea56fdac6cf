"""An environment of LAVIS' own: 1.0.2 pins transformers below 4.27, numpy below 2, and much else.

`constraints.txt` beside this file pins all of it. The environment remembers what it was made with, and is made anew
when that changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from emogen.errors import EmovitError, InputError, shorten
from emogen.terminal import note

__all__ = ["DEFAULT_FOLDER", "VARIABLE", "environment_python", "install", "own_variables"]

DEFAULT_FOLDER: Final = Path(".venv-lavis")
VARIABLE: Final = "EMOVIT_LAVIS"
REQUIREMENT: Final = "salesforce-lavis==1.0.2"
NEEDED_BYTES: Final = 4 * 2**30
_CONSTRAINTS: Final = Path(__file__).with_name("constraints.txt")
_MARK: Final = ".made-with"
# Its tokenizers have no wheels for later ones, torch none for earlier ones.
_VERSIONS: Final = ("3.11", "3.10")


def install(folder: Path, *, python: str | None = None) -> Path:
    """Make the environment where there is none or an older one; return its interpreter.

    Raises:
        InputError: no fitting Python, no room on the disk, or `folder` is something else.
        EmovitError: pip failed; its last lines are in the message.
    """
    interpreter = _bin(folder)
    mark = folder / _MARK
    if interpreter.is_file() and mark.is_file() and mark.read_text("utf-8") == _made_with():
        return interpreter
    if folder.exists() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").is_file():
        raise InputError("this is no environment", where=folder, remedy="Name an empty or a new folder.")
    chosen = _fitting_python(python)
    _check_room(folder)
    mark.unlink(missing_ok=True)
    note(f"installing {REQUIREMENT} and what it pins into {folder}: 2.3 GB, some minutes")
    _run(chosen, "-m", "venv", "--clear", str(folder))
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(str(interpreter), *pip, "--constraint", str(_CONSTRAINTS), REQUIREMENT)
    mark.write_text(_made_with(), "utf-8")
    return interpreter


def environment_python() -> Path:
    """Return the interpreter of the environment that `EMOVIT_LAVIS` names, or of `.venv-lavis`.

    Raises:
        InputError: there is none, or an unfinished one.
    """
    folder = Path(os.environ.get(VARIABLE) or DEFAULT_FOLDER)
    if not (folder / _MARK).is_file():
        raise InputError(
            "LAVIS has no environment here",
            where=folder,
            remedy=f"Make it with: emovit_train setup-lavis. Where it lies elsewhere, name it in {VARIABLE}.",
        )
    return _bin(folder).absolute()


def own_variables() -> dict[str, str]:
    """Return the variables of this process without those that lead Python back into this environment."""
    inward = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in inward}


def _made_with() -> str:
    return hashlib.sha256(REQUIREMENT.encode() + _CONSTRAINTS.read_bytes()).hexdigest() + "\n"


def _bin(folder: Path) -> Path:
    return folder / "bin" / "python"


def _fitting_python(named: str | None) -> str:
    found = [named] if named else [sys.executable, *(f"python{version}" for version in _VERSIONS)]
    for each in found:
        path = shutil.which(each)
        if path is not None and _version(path) in _VERSIONS:
            return path
    raise InputError(
        f"LAVIS 1.0.2 needs Python {' or '.join(_VERSIONS)}; not found: {', '.join(found)}",
        where="--python",
        remedy="Install one, and name it: --python python3.11",
    )


def _version(python: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _check_room(folder: Path) -> None:
    around = next(each for each in folder.absolute().parents if each.exists())
    free = shutil.disk_usage(around).free
    if free < NEEDED_BYTES:
        raise InputError(
            f"{free / 2**30:.1f} GB are free, and LAVIS needs {NEEDED_BYTES / 2**30:.0f} while it is installed",
            where=around,
            remedy="Name a folder on another disk: --folder",
        )


def _run(*command: str) -> None:
    done = subprocess.run(command, env=own_variables(), capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise EmovitError(
            f"{Path(command[0]).name} {' '.join(command[1:4])} failed: {shorten(' '.join(said[-3:]), 300)}",
            remedy="Check the connection to the package index, and run the command again.",
        )
