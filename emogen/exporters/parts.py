"""The files of an export that has one for each split."""

from __future__ import annotations

from pathlib import Path

from emogen.errors import InputError
from emogen.exporters.options import SPLITS

__all__ = ["part_files"]


def part_files(path: Path, suffix: str) -> list[Path]:
    """Return the file that `path` is, or the files of the splits in the folder that it is.

    Raises:
        InputError: a folder that holds none.
    """
    if not path.is_dir():
        return [path]
    files = [file for split in SPLITS if (file := path / f"{split}{suffix}").is_file()]
    if not files:
        names = ", ".join(f"{split}{suffix}" for split in SPLITS)
        raise InputError(f"holds none of {names}", where=path, remedy="Name an export, or a file.")
    return files
