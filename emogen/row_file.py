"""Files of rows, JSON Lines: appended to, and read row by row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from emogen.errors import InputError, shorten

__all__ = ["Rows", "holds_rows", "line_of", "read_row", "rows_of"]

M = TypeVar("M", bound=BaseModel)


class Rows:
    """A JSON Lines file that is appended to: a row is in it whole or, where the disk is full, not at all.

    Args:
        path: The file; made where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, row: BaseModel) -> None:
        """Append a row; it has left the process when this returns.

        Raises:
            OSError: it does not fit; nothing of it stays.
        """
        self.add_line(line_of(row))

    def add_line(self, line: bytes) -> None:
        """Append a row that is a line already; as `add`."""
        rest = line
        end = self._file.tell()
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            with suppress(OSError):
                self._file.truncate(end)
            raise


def line_of(row: BaseModel) -> bytes:
    """Return a row as the file has it."""
    return row.model_dump_json().encode() + b"\n"


def rows_of(path: Path, model: type[M], *, torn: bool = False) -> Iterator[M]:
    """Read the rows of a JSON Lines file; none where there is no such file.

    Args:
        path: The file.
        model: What a row is.
        torn: Whether the last line may be half a row, and is then passed over.

    Raises:
        InputError: the file cannot be read, or a line is broken; names both.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip() and not (torn and not line.endswith(b"\n")):
                    yield read_row(line, model, f"{path}:{number}")
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=path, remedy="Name a file that you may read."
        ) from error


def read_row(line: bytes, model: type[M], where: str) -> M:
    """Return the row that a line is.

    Raises:
        InputError: it is none; names `where`, and the first field that is wrong.
    """
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "line"
        raise InputError(
            f"{field}: {shorten(first['msg'])}", where=where, remedy="Mend or remove this line."
        ) from error


def holds_rows(path: Path) -> bool:
    """Whether there is such a file, and anything in it."""
    return path.is_file() and path.stat().st_size > 0
