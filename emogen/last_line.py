"""Mends the last line of a JSON Lines file, as a killed process or an editor leaves it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import orjson

__all__ = ["mend_last_line"]


def mend_last_line(path: Path) -> None:
    """Give a whole last row its newline, and cut a torn one off; nothing is done where there is no such file."""
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("rb+") as file:
        last = _last_line(file)
        if not last or last.endswith(b"\n"):
            return
        try:
            orjson.loads(last)
        except orjson.JSONDecodeError:
            file.seek(-len(last), os.SEEK_END)
            file.truncate()
        else:
            file.seek(0, os.SEEK_END)
            file.write(b"\n")


def _last_line(file: IO[bytes]) -> bytes:
    """Return what stands behind the last newline; the last line itself, with its newline, where that is nothing."""
    size = file.seek(0, os.SEEK_END)
    reach = 65536
    while True:
        file.seek(max(0, size - reach))
        lines = file.read().splitlines(keepends=True)
        if len(lines) > 1 or reach >= size:
            return lines[-1]
        reach *= 2
