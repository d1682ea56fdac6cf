"""Files by their address: object stores, and whatever else fsspec knows the way to.

`s3://bucket/x`, `gs://bucket/x`, `abfs://container/x`, `https://host/x`, ... Keys and endpoints are read by the package
that speaks to the store, from where its users keep them.
"""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import has_magic
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from emogen.errors import EmovitError, InputError, MissingPackageError, shorten
from emogen.registry import require

__all__ = [
    "DataFile",
    "RemoteFile",
    "address_of",
    "opened",
    "put",
    "refuse_address",
    "remote_files",
    "translated",
]

_ADDRESS: Final = re.compile(r"((?:[a-z][a-z0-9+.-]+::)*)([a-z][a-z0-9+.-]+):(/+)(.*)", re.DOTALL)
# What follows the two slashes is a path of this machine, not a host or a bucket.
_OF_THIS_MACHINE: Final = ("file", "local")
_BUFFER_BYTES: Final = 1 << 20


def address_of(location: str | Path) -> str | None:
    """Return the address that a location is; None for a path of this machine.

    A `Path` folds the two slashes of an address into one: they are put back.
    """
    found = _ADDRESS.fullmatch(str(location))
    if found is None:
        return None
    chain, scheme, slashes, rest = found.groups()
    if len(slashes) == 1:
        slashes = "///" if scheme in _OF_THIS_MACHINE else "//"
    return f"{chain}{scheme}:{slashes}{rest}"


def refuse_address(place: str | Path | None, what: str) -> None:
    """Refuse an address where only a path of this machine will do.

    Args:
        place: What was named, if anything was.
        what: What lies there, as the beginning of a sentence ("The run folder").

    Raises:
        InputError: it is an address.
    """
    if place is not None and (address := address_of(place)):
        raise InputError(
            f"{what} must lie on a disk of this machine", where=address, remedy="Name a path of this machine."
        )


def opened(address: str) -> tuple[Any, str]:
    """Return fsspec's file system for an address, and the path in it.

    Raises:
        InputError: nothing knows such addresses, or it holds a key.
        MissingPackageError: what speaks to the store is not installed; says what to install.
    """
    with translated(address, "opened"):
        _refuse_keys(address)
    scheme = address.partition("://")[0].rpartition("::")[2]
    fsspec = require("fsspec", extra="tables", purpose=f"Opening {scheme}:// addresses")
    with translated(address):
        try:
            fs, path = fsspec.core.url_to_fs(address)
        except ImportError as error:
            raise MissingPackageError(
                f"{scheme}:// needs a package that is not installed: {shorten(error)}",
                where=address,
                remedy=f"Install it with: pip install {_package(scheme)}",
            ) from error
        except ValueError as error:
            raise InputError(
                f"nothing here knows the way to {scheme}://: {shorten(error)}",
                where=address,
                remedy="Mend the address; s3://bucket/name is one.",
            ) from error
    return fs, path


def _package(scheme: str) -> str:
    """Return the package that knows a scheme."""
    known = import_module("fsspec.registry").known_implementations.get(scheme, {})
    package = str(known.get("class", "")).partition(".")[0]
    return package if package not in ("", "fsspec") else f"fsspec[{scheme}]"


def _refuse_keys(address: str) -> None:
    """Refuse a key in an address: addresses are written into manifests and said in errors."""
    parts = urlsplit(address)
    if parts.password or (parts.scheme in ("http", "https") and "=" in parts.query):
        raise InputError(
            "a key, or what may be one, does not belong in an address",
            where=address.partition("?")[0].replace(parts.netloc, parts.hostname or ""),
            remedy="Give it to the store's own package (environment variables, its configuration), or fetch the file.",
        )


@contextmanager
def translated(address: str, what: str = "reached") -> Iterator[None]:
    """Turn what a store's package raises, of whatever kind, into an `InputError` that names the address.

    Args:
        address: Where it happens.
        what: What the address cannot be then.
    """
    try:
        yield
    except EmovitError:
        raise
    except Exception as error:
        raise InputError(
            f"cannot be {what}: {_said(error)}",
            where=address,
            remedy="See whether the address is right, and whether you may read and write there.",
        ) from error


def _said(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, FileNotFoundError):
        return "nothing is there"
    return shorten(text, 160)


@dataclass(frozen=True)
class RemoteFile:
    """A file at an address, with what of `Path` is needed to read it.

    Attributes:
        fs: fsspec's file system.
        path: Where in it.
    """

    fs: Any
    path: str

    def __str__(self) -> str:
        return str(self.fs.unstrip_protocol(self.path))

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.path).stem

    @property
    def suffix(self) -> str:
        """The ending of the name, with its dot."""
        return PurePosixPath(self.path).suffix

    def open(self, mode: str = "r", *, encoding: str | None = None, newline: str | None = None) -> Any:
        """Open the file for reading, as `Path.open` does.

        Raises:
            OSError: it cannot be opened; reading raises nothing else, either.
        """
        with _as_os_error():
            file = io.BufferedReader(_Raw(self.fs.open(self.path, "rb")), _BUFFER_BYTES)
        return file if "b" in mode else io.TextIOWrapper(file, encoding, newline=newline)


DataFile = Path | RemoteFile


class _Raw(io.RawIOBase):
    """A file of fsspec's, whose errors are `OSError`s whoever raises them."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._file.seekable())

    def readinto(self, buffer: Any) -> int:
        with _as_os_error():
            content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _as_os_error():
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(_said(error)) from error


def put(fs: Any, files: Mapping[Path, str], address: str) -> None:
    """Send files of this machine to a store, several at once where its package can.

    Args:
        fs: fsspec's file system.
        files: File → where in `fs` it goes.
        address: For what goes wrong.

    Raises:
        InputError: the store does not take them.
    """
    with translated(address, "written"):
        if "file" in (fs.protocol if isinstance(fs.protocol, tuple) else (fs.protocol,)):
            for folder in {posixpath.dirname(path) for path in files.values()}:
                fs.makedirs(folder, exist_ok=True)
        if files:
            fs.put([*map(str, files)], [*files.values()])


def remote_files(address: str, suffixes: Sequence[str], depth: int = 1) -> list[RemoteFile]:
    """Return the files that an address stands for, sorted by path.

    Args:
        address: Of a file, of a folder, or with wildcards in it.
        suffixes: In a folder, the files whose names end in one of these are taken.
        depth: How many levels of a folder are looked at.

    Raises:
        InputError: it cannot be reached.
        MissingPackageError: as `opened`.
    """
    fs, path = opened(address)
    with translated(address):
        if has_magic(path):
            found = fs.glob(path)
        # `isfile` says no, too, where it could not look.
        elif fs.info(path)["type"] == "file":
            return [RemoteFile(fs, path)]
        else:
            found = fs.find(path, maxdepth=depth)
        files = [RemoteFile(fs, name) for name in sorted(found)]
    return [file for file in files if file.suffix.lower() in suffixes and not file.name.startswith(".")]
