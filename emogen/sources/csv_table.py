"""Records from a CSV or TSV file: a row an image, columns named as the fields of a metadata file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from emogen.labels import DEFAULT_LABEL_SET, LABEL_SETS
from emogen.schemas import ImageRecord
from emogen.sources import OnProblem, PublishedCounts, SourceOptions
from emogen.sources.delimited import DelimitedTable
from emogen.sources.files import data_files, root_of
from emogen.sources.jsonl import default_id
from emogen.sources.notes import read_notes
from emogen.sources.paths import inside
from emogen.sources.usable import usable

__all__ = ["CsvSource"]

_SUFFIXES = (".csv", ".tsv")
# The table, and of one of its rows the line and the cells.
_Row = tuple[DelimitedTable, int, Sequence[str]]


class CsvSource:
    """CSV or TSV tables: a row an image, whose file it names, with columns such as emotion, caption and scene."""

    name = "csv"

    def __init__(self, location: str, options: SourceOptions) -> None:
        self._location = location
        self._labels = options.labels
        self.image_root = options.image_root or root_of(location)
        self.published: PublishedCounts | None = None

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """A file that ends in .csv or .tsv."""
        suffix = path.suffix.lower()
        return f"its name ends in {suffix}" if suffix in _SUFFIXES and path.is_file() else None

    def records(self, on_problem: OnProblem) -> Iterator[ImageRecord]:
        """Yield the records of the rows; a list, as of objects, is separated by semicolons or written as JSON.

        Raises:
            InputError: the file cannot be read as a table, or no row can be used.
        """
        labels = self._labels or LABEL_SETS[DEFAULT_LABEL_SET]

        def rows() -> Iterator[_Row]:
            for file in data_files(self._location, _SUFFIXES):
                table = DelimitedTable(file)
                yield from ((table, number, cells) for number, cells in table.rows(on_problem))

        def read(row: _Row) -> ImageRecord:
            table, number, cells = row
            where = f"{table.path}:{number}"
            fields = table.fields(number, cells)
            if self._labels:
                fields["labels"] = self._labels
            notes = read_notes(fields, labels, where)
            image = inside(notes.file_name, where)
            return notes.record(image, default_id(image))

        yield from usable(rows(), read, on_problem)

    def count(self) -> int | None:
        """Return None: a quoted text may run over lines, so only reading the rows tells."""
        return None
