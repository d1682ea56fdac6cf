"""What lies in a data set's folder: image files by folder, and lists and tables line by line."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from emogen.errors import InputError, shorten
from emogen.sources.image_names import IMAGE_SUFFIXES

__all__ = ["images_in", "lines_of", "stem", "table_rows", "text_of"]

# What unpacking on another system leaves behind: it has the names of images, and none in it.
_LITTER = "__MACOSX"


def images_in(root: Path, below: str = "") -> list[str]:
    """Return the image files under `root/below`, sorted, as paths relative to `root`."""
    found = []
    for folder, folders, names in os.walk(root / below):
        folders[:] = [name for name in folders if not name.startswith(".") and name != _LITTER]
        inside = Path(folder).relative_to(root)
        found += [
            (inside / name).as_posix()
            for name in names
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")
        ]
    return sorted(found)


def stem(path: str) -> str:
    """Return a file's name without its last suffix (`2345.1.jpg` is `2345.1`)."""
    return PurePosixPath(path).stem


def text_of(path: Path) -> str:
    """Return a text file, whatever marks or line ends it was saved with.

    Raises:
        InputError: it is missing, or no text.
    """
    try:
        # Lists of the years before 2015 hold Latin-1 here and there, in names alone.
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=path, remedy="Unpack the data set again."
        ) from error
    if b"\0" in content:
        raise InputError("not a text file", where=path, remedy="Unpack the data set again.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def lines_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield `(file:line, text)` of each line that is not blank, without spaces around it.

    Raises:
        InputError: the file cannot be read, or holds nothing.
    """
    empty = True
    for number, line in enumerate(text_of(path).splitlines(), 1):
        if line.strip():
            empty = False
            yield f"{path}:{number}", line.strip()
    if empty:
        raise InputError("the file is empty", where=path, remedy="Unpack the data set again.")


def table_rows(
    path: Path, wanted: tuple[str, ...], *, delimiter: str = ",", quote: str = '"'
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield `(file:line, column → cell)` of a table whose first line names its columns.

    Names and cells come without spaces, brackets and quotes around them; columns beyond `wanted` are left out.

    Raises:
        InputError: a wanted column is missing, a row has another number of cells, or a quote is never closed.
    """
    reader = csv.reader(io.StringIO(text_of(path)), delimiter=delimiter, quotechar=quote, strict=True)
    try:
        names = [_bare(cell) for cell in next(reader, [])]
        missing = [name for name in wanted if name not in names]
        if missing:
            raise InputError(
                f"no column {missing[0]!r}; the first line is {shorten(names)}",
                where=f"{path}:1",
                remedy="Take the table as the data set's authors give it.",
            )
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            where = f"{path}:{reader.line_num}"
            if len(cells) != len(names):
                raise InputError(
                    f"{len(cells)} cells instead of {len(names)}",
                    where=where,
                    remedy="Take the table as the data set's authors give it.",
                )
            row = dict(zip(names, cells, strict=True))
            yield where, {name: _bare(row[name]) for name in wanted}
    except csv.Error as error:
        raise InputError(
            f"not valid CSV: {error}", where=f"{path}:{reader.line_num}", remedy="Unpack the data set again."
        ) from error


def _bare(cell: str) -> str:
    return cell.strip().strip("'\"[]").strip()
