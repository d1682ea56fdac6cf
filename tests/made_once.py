"""A folder that is made once for all processes that share a test run."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder of this test run, made by the first process that asks; the others wait for it.

    Nobody writes into it afterwards: the tests of all processes read it.
    """
    base = factory.getbasetemp()
    # Each of xdist's processes has a folder of its own below the run's.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared-{name}"
    with (folder.parent / f"{folder.name}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder.parent / f"{folder.name}.done"
        if not done.exists():
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
