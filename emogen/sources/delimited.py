"""Reads CSV and TSV files row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any, Final

from emogen.errors import InputError
from emogen.sources import OnProblem
from emogen.sources.cells import fields_of
from emogen.sources.columns import meanings, tell_unused
from emogen.storage import DataFile

__all__ = ["DelimitedTable"]

_DELIMITERS: Final = ",;\t"


class DelimitedTable:
    """A CSV or TSV file whose first line names the columns; they are separated by commas, semicolons or tabs.

    Attributes:
        path: The file.
        names: The columns.

    Raises:
        InputError: the file cannot be read, is empty, or names two columns alike.
    """

    def __init__(self, path: DataFile) -> None:
        self.path = path
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                first = file.readline()
        except OSError as error:
            raise _unreadable(path, error.strerror or str(error)) from error
        except UnicodeDecodeError as error:
            raise _not_utf8(path) from error
        if not first.strip():
            raise InputError("the file is empty", where=path, remedy="Name the columns in its first line.")
        self._delimiter = "\t" if path.suffix.lower() == ".tsv" else max(_DELIMITERS, key=first.count)
        self.names = [name.strip() for name in next(csv.reader([first], delimiter=self._delimiter))]
        self.columns = meanings(self.names, str(path))

    def rows(self, on_problem: OnProblem | None = None) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield `(line number, cells)` of each row that is not blank.

        Args:
            on_problem: Told of the columns that mean nothing in a table of images; None for another table.

        Raises:
            InputError: the file is not UTF-8, or a quote is never closed.
        """
        if on_problem is not None:
            tell_unused(self.names, self.columns, self.path, on_problem)
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, delimiter=self._delimiter, strict=True)
                next(reader)
                for cells in reader:
                    if any(cells):
                        yield reader.line_num, cells
        except OSError as error:
            raise _unreadable(self.path, error.strerror or str(error)) from error
        except UnicodeDecodeError as error:
            raise _not_utf8(self.path) from error
        except csv.Error as error:
            raise InputError(
                f"not valid CSV: {error}", where=f"{self.path}:{reader.line_num}", remedy="Mend this line."
            ) from error

    def row(self, number: int, cells: Sequence[str]) -> dict[str, str]:
        """Return column → cell of a row.

        Raises:
            InputError: the row has more or fewer cells than the first line.
        """
        if len(cells) != len(self.names):
            raise InputError(
                f"{len(cells)} cells, but the first line names {len(self.names)} columns",
                where=f"{self.path}:{number}",
                remedy="Put quotes around a text that holds the separator.",
            )
        return dict(zip(self.names, cells, strict=True))

    def fields(self, number: int, cells: Sequence[str]) -> dict[str, Any]:
        """Return the fields of `ImageNotes` that a row fills.

        Raises:
            InputError: as `row`, or the label is a number.
        """
        return fields_of(self.row(number, cells), self.columns, (), f"{self.path}:{number}")


def _unreadable(path: DataFile, reason: str) -> InputError:
    return InputError(f"cannot be read: {reason}", where=path, remedy="Name a readable CSV or TSV file.")


def _not_utf8(path: DataFile) -> InputError:
    return InputError("not UTF-8", where=path, remedy="Save the file as UTF-8.")
