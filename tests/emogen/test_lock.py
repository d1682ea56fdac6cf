"""One process at a time writes into a folder."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emogen.errors import InputError
from emogen.lock import locked

HOLD = """
import sys
from pathlib import Path
from emogen.lock import locked
with locked(Path(sys.argv[1])):
    print("in", flush=True)
    input()
"""


def test_another_process(tmp_path: Path) -> None:
    """A folder is free again once its process has ended, even where it was killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        with (
            pytest.raises(InputError, match="another process is writing into this folder"),
            locked(tmp_path, "folder"),
        ):
            pass
        process.kill()
    with locked(tmp_path), pytest.raises(InputError, match="run folder"), locked(tmp_path):
        pass


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a shared disk knows no locks, that is said, with what to do about it."""

    def unsupported(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with pytest.raises(InputError, match=r"has no locks .*-o flock"), locked(tmp_path):
        pass


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """What cannot be written is refused as such."""
    with pytest.raises(InputError, match="cannot be written"), locked(tmp_path / "nowhere"):
        pass
