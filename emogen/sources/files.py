"""The files that a location stands for: one, those of a folder, or those that a pattern or an address names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Final

from emogen.errors import InputError
from emogen.storage import DataFile, address_of, remote_files

__all__ = ["KINDS", "data_files", "is_pattern", "kind_of", "root_of"]

# The ending of a name → the source that reads such files, wherever they lie.
KINDS: Final[Mapping[str, str]] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".tsv": "csv",
}
# `emogen records` lists there what was wrong with rows.
_PROBLEMS: Final = ".problems.jsonl"
# As a data set of the Hub has them: `data/train/0000.parquet`.
_DEPTH: Final = 3


def is_pattern(location: str | Path) -> bool:
    """Whether a location of this machine has wildcards in it, and is not simply called so."""
    return has_magic(str(location)) and not Path(location).exists()


def data_files(location: str | Path, suffixes: Sequence[str]) -> list[DataFile]:
    """Return the files that a location stands for, sorted by path.

    Args:
        location: A file, a folder, a pattern (`shards/*.jsonl`), or an address of one of these.
        suffixes: In a folder and by a pattern, the files whose names end in one of these are taken.

    Raises:
        InputError: there are none, or the address cannot be reached.
        MissingPackageError: what reads addresses is not installed.
    """
    path = Path(location)
    found: list[DataFile]
    if address := address_of(location):
        found = [*remote_files(address, suffixes, _DEPTH)]
    elif is_pattern(location):
        found = [Path(name) for name in sorted(glob(str(location), recursive=True))]  # noqa: PTH207 - a `Path` takes no absolute pattern
    elif path.is_dir():
        found = [*sorted(path.iterdir())]
    else:
        return [path]
    files = [file for file in found if _is_wanted(file, suffixes)]
    if not files:
        raise InputError(
            f"no file here ends in {' or '.join(suffixes)}",
            where=address or location,
            remedy="Name such a file, a folder of them, or a pattern in quotes: 'shards/*.jsonl'.",
        )
    return files


def _is_wanted(file: DataFile, suffixes: Sequence[str]) -> bool:
    if not isinstance(file, Path):
        return not file.name.endswith(_PROBLEMS)
    is_one = file.suffix.lower() in suffixes and not file.name.startswith(".")
    return is_one and not file.name.endswith(_PROBLEMS) and file.is_file()


def root_of(location: str | Path) -> Path:
    """Return the folder that image paths start from: that of the file, or the one before the first wildcard.

    What lies at an address says nothing of this machine: there, it is the folder in which the program runs.
    """
    path = Path(location)
    if address_of(location):
        return Path()
    if is_pattern(location):
        return next(folder for folder in path.parents if not has_magic(str(folder)))
    return path if path.is_dir() else path.parent


def kind_of(location: str | Path) -> str:
    """Return the source that reads what a pattern or an address names, told by the endings of names.

    Raises:
        InputError: as `data_files`, or there are files of several kinds.
    """
    suffix = Path(location).suffix.lower()
    if suffix in KINDS:
        return KINDS[suffix]
    first: dict[str, DataFile] = {}
    for file in data_files(location, tuple(KINDS)):
        first.setdefault(KINDS.get(file.suffix.lower(), ""), file)
    if len(first) == 1 and "" not in first:
        return next(iter(first))
    seen = ", ".join(file.name for file in first.values())
    raise InputError(
        f"how it is to be read is not clear: {seen} {'are' if len(first) > 1 else 'is'} there",
        where=address_of(location) or location,
        remedy="Say it with --source, or name one kind: 'shards/*.jsonl'.",
    )
