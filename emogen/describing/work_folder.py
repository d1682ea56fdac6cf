"""What a description keeps beside its records file while it goes on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from emogen.atomic import writable_folder
from emogen.lock import LOCK, locked

__all__ = ["ANSWERS", "CALIBRATION", "FOUND", "WorkFolder", "work_folder"]

FOUND: Final = "found.sqlite"
CALIBRATION: Final = "calibration.sqlite"
ANSWERS: Final = "answers.sqlite"


class WorkFolder:
    """`records.work` beside `records.jsonl`.

    Attributes:
        path: The folder.
        is_done: Whether all is said, so that only answers that were paid for are worth keeping.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_done = False

    def close(self) -> None:
        """Remove what nobody needs any more."""
        if not self.is_done:
            return
        for file in self.path.iterdir():
            if file.name.startswith((FOUND, CALIBRATION)):
                file.unlink()
        if not any(file.name not in (LOCK,) for file in self.path.iterdir()):
            shutil.rmtree(self.path)


@contextmanager
def work_folder(out: Path) -> Iterator[WorkFolder]:
    """Open the folder of the records file `out`, which one process has at a time.

    Raises:
        InputError: another process has it, or it cannot be written.
    """
    folder = WorkFolder(out.with_name(f"{out.stem}.work"))
    writable_folder(folder.path)
    with locked(folder.path, "description"):
        yield folder
        folder.close()
