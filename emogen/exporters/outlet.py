"""Where the files of an export are made, and where they go from there: a disk of this machine, or a store.

On a disk, an export appears when it is whole. A store can rename nothing: there the mark of exports comes first and
says `unfinished`, each file goes when it is whole, and at last the mark is made empty.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from emogen.atomic import replacing_folder, replacing_path
from emogen.errors import InputError
from emogen.exporters.form import MARK, refuse_to_replace
from emogen.storage import address_of, opened, put, translated

__all__ = ["Outlet", "outlet_to"]

UNFINISHED: Final = b"unfinished\n"
_REPLACED: Final = "Name another folder, or replace it by --overwrite."


class Outlet(Protocol):
    """Takes the files of an export.

    Attributes:
        work: The folder, or the only file, that is written here.
    """

    work: Path

    def place(self, name: str) -> str:
        """Return the path or address at which whoever makes a file elsewhere puts it.

        Args:
            name: Of the file, relative to the export.
        """

    def made(self, name: str) -> None:
        """Take note that a file in the folder is whole; it need not stay there."""

    def arrived(self, name: str, size: int) -> bool:
        """Take note that a file was made elsewhere; return whether one of so many bytes is at its place."""


class _Disk:
    """An export on this machine."""

    def __init__(self, work: Path) -> None:
        self.work = work

    def place(self, name: str) -> str:
        return str(self.work / name)

    def made(self, name: str) -> None:
        """It stays."""

    def arrived(self, name: str, size: int) -> bool:
        file = self.work / name
        return file.is_file() and file.stat().st_size == size


class _Store:
    """An export that goes to an address, file by file."""

    def __init__(self, address: str, fs: Any, path: str, work: Path) -> None:
        self.work = work
        self._address = address.rstrip("/")
        self._fs = fs
        self._path = path.rstrip("/")
        self._there: set[str] = set()

    def place(self, name: str) -> str:
        self._begin()
        return f"{self._address}/{name}"

    def made(self, name: str) -> None:
        put(self._fs, {self.work / name: f"{self._path}/{name}"}, self.place(name))
        (self.work / name).unlink()
        self._there.add(name)

    def arrived(self, name: str, size: int) -> bool:
        self._there.add(name)
        with translated(self.place(name)):
            # What was there before is remembered.
            self._fs.invalidate_cache()
            try:
                return bool(self._fs.size(f"{self._path}/{name}") == size)
            except FileNotFoundError:
                return False

    def end(self) -> None:
        """Send what is still here, remove what an earlier export had besides, and take `unfinished` back."""
        self._begin()
        files = [path for path in sorted(self.work.rglob("*")) if path.is_file() and path.name != MARK]
        names = {file: file.relative_to(self.work).as_posix() for file in files}
        put(self._fs, {file: f"{self._path}/{name}" for file, name in names.items()}, self._address)
        self._there.update(names.values(), (MARK,))
        with translated(self._address):
            self._fs.invalidate_cache()
            kept = {f"{self._path}/{name}".lstrip("/") for name in self._there}
            for path in self._fs.find(self._path):
                if path.lstrip("/") not in kept:
                    self._fs.rm_file(path)
        self._mark(b"")

    def _begin(self) -> None:
        if not self._there:
            self._there.add(MARK)
            self._mark(UNFINISHED)

    def _mark(self, content: bytes) -> None:
        (self.work / MARK).write_bytes(content)
        put(self._fs, {self.work / MARK: f"{self._path}/{MARK}"}, f"{self._address}/{MARK}")


@contextmanager
def outlet_to(out: Path | str, *, folder: bool, overwrite: bool) -> Iterator[Outlet]:
    """Yield where an export is made; leaving the block without an exception brings it to its place.

    Args:
        out: A path, or an address.
        folder: Whether it is a folder; else it is one file.
        overwrite: Whether a folder that an earlier export made may be replaced.

    Raises:
        InputError: it cannot be written, or holds what may not be replaced.
        MissingPackageError: what writes to addresses is not installed.
    """
    address = address_of(out)
    if address is None:
        path = Path(out)
        if folder:
            refuse_to_replace(path, overwrite=overwrite)
        with replacing_folder(path) if folder else replacing_path(path) as work:
            yield _Disk(work)
        return
    fs, path_there = opened(address)
    if folder:
        _refuse_to_replace(fs, path_there, address, overwrite=overwrite)
    with _scratch() as scratch:
        if folder:
            store = _Store(address, fs, path_there, scratch)
            yield store
            store.end()
        else:
            file = scratch / "export"
            yield _Disk(file)
            put(fs, {file: path_there}, address)


@contextmanager
def _scratch() -> Iterator[Path]:
    """Yield a folder for what is on its way to a store."""
    try:
        with tempfile.TemporaryDirectory(prefix="emogen-export-") as folder:
            yield Path(folder)
    except OSError as error:
        raise InputError(
            f"an export on its way to a store cannot be written: {error.strerror or error}",
            where="the folder for temporary files",
            remedy="Make room there, or name another one by TMPDIR.",
        ) from error


def _refuse_to_replace(fs: Any, path: str, address: str, *, overwrite: bool) -> None:
    """As `refuse_to_replace`."""
    with translated(address):
        if not fs.exists(path) or not fs.find(path):
            return
        if not fs.exists(f"{path}/{MARK}"):
            raise InputError(
                "holds files that no export made",
                where=address,
                remedy="Name a folder that does not exist yet.",
            )
        if not overwrite:
            unfinished = fs.cat_file(f"{path}/{MARK}") == UNFINISHED
            what = "holds an export that was not finished" if unfinished else "holds an earlier export"
            raise InputError(what, where=address, remedy=_REPLACED)
