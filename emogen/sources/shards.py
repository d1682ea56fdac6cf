"""Records from a data set that lies in one or more Parquet or Arrow files, often with the images inside."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from emogen.errors import InputError, shorten
from emogen.labels import DEFAULT_LABEL_SET, LABEL_SETS, label_set
from emogen.schemas import ImageRecord, Split
from emogen.sources import OnProblem, Problem, PublishedCounts
from emogen.sources.cells import fields_of
from emogen.sources.columnar import Batch, ColumnarFile
from emogen.sources.columns import meanings, tell_unused
from emogen.sources.image_names import plain_name, signed_suffix
from emogen.sources.jsonl import default_id
from emogen.sources.notes import SPLIT_WORDS, read_notes
from emogen.sources.paths import inside
from emogen.sources.usable import usable
from emogen.storage import DataFile

__all__ = ["ImageNotWrittenError", "Shard", "ShardedSource", "split_of"]

_WORD: Final = re.compile(r"[a-z]+")


class ImageNotWrittenError(InputError):
    """An image cannot be written: no later one can, either."""


class Shard(NamedTuple):
    """One file of a data set, and the split that its name stands for."""

    path: DataFile
    split: Split | None


def split_of(name: str) -> Split | None:
    """Return the split that a file's or folder's name begins or ends with; None where it says none or several.

    Examples: `train-00000-of-00018.parquet`, `data-validation.arrow`, `test`.
    """
    found = {SPLIT_WORDS[word] for word in _WORD.findall(name.lower()) if word in SPLIT_WORDS}
    return found.pop() if len(found) == 1 else None


class ShardedSource:
    """What Parquet and Arrow have in common.

    An image that the data set holds itself gets a name of its own, `<split>/<id>.jpg`, under which `extract` writes
    it; one that is a file keeps its path, relative to the data set.
    """

    def __init__(
        self, root: Path, labels: tuple[str, ...] | None, shards: Callable[[], Iterable[Shard]]
    ) -> None:
        self.image_root = root
        self.published: PublishedCounts | None = None
        self._labels = labels
        self._shards = shards

    def records(self, on_problem: OnProblem) -> Iterator[ImageRecord]:
        """Yield the records of all files; the images inside are not read.

        Raises:
            InputError: a file is damaged or has no column for the image, or no row can be used.
            MissingExtraError: pyarrow is not installed.
        """
        rows = self._rows(on_problem, with_images=False)
        yield from usable(rows, lambda row: row.record(), on_problem)

    def extract(
        self, folder: Path, wanted: Callable[[ImageRecord], bool], on_problem: OnProblem
    ) -> Iterator[ImageRecord]:
        """Yield the wanted records, each with its image written below `folder` and named relative to it.

        Raises:
            InputError: as `records`, or an image cannot be written.
        """
        current: list[_Row] = []

        def read(row: _Row) -> ImageRecord:
            current[:] = [row]
            return row.record()

        for record in usable(self._rows(on_problem, with_images=True), read, on_problem):
            if not wanted(record):
                continue
            try:
                yield current[0].write(record, folder)
            except ImageNotWrittenError:
                raise
            except InputError as error:
                on_problem(Problem.of(error))

    def has_images_inside(self) -> bool:
        """Return whether the files hold the images themselves; the first one tells for all.

        Raises:
            InputError: there is no file, or the first one cannot be read.
        """
        for shard in self._shards():
            return _Table(shard, self._labels).image is not None
        return False

    def count(self) -> int | None:
        """Return the number of rows where every file tells it in its footer."""
        counts = [ColumnarFile(shard.path).row_count for shard in self._shards()]
        return None if None in counts else sum(count or 0 for count in counts)

    def _rows(self, on_problem: OnProblem, *, with_images: bool) -> Iterator[_Row]:
        taken: set[int] = set()
        told: set[tuple[str, ...]] = set()
        for shard in self._shards():
            table = _Table(shard, self._labels)
            columns = tuple(table.file.names)
            if columns not in told:
                told.add(columns)
                tell_unused(columns, table.columns, shard.path, on_problem)
            number = 0
            for batch in table.batches(with_images=with_images):
                for index in range(len(batch.rows)):
                    number += 1
                    yield _Row(table, number, batch, index, taken)


class _Table:
    """One file with what its columns mean."""

    def __init__(self, shard: Shard, labels: tuple[str, ...] | None) -> None:
        self.shard = shard
        self.file = ColumnarFile(shard.path)
        self.columns = meanings(self.file.names, str(shard.path))
        if "file_name" not in self.columns:
            raise InputError(
                f"no column for the image among {shorten(', '.join(self.file.names))}",
                where=shard.path,
                remedy="Call it 'image' or 'file_name'.",
            )
        column = self.columns["file_name"]
        self.image = column if self.file.holds_images(column) else None
        self.class_names = self.file.class_names(self.columns.get("emotion", ""))
        self.override = labels
        self.labels = labels or _label_set(self.class_names)

    def batches(self, *, with_images: bool) -> Iterator[Batch]:
        """Yield the rows of the file batch by batch."""
        columns = [column for column in self.columns.values() if column != self.image]
        return self.file.batches(columns, self.image, with_images=with_images)


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a file, not yet looked at."""

    table: _Table
    number: int
    batch: Batch
    index: int
    taken: set[int]

    @property
    def where(self) -> str:
        """The row's place, for messages."""
        return f"{self.table.shard.path}: row {self.number}"

    def record(self) -> ImageRecord:
        """Return the row's record.

        Raises:
            InputError: the row cannot be used.
        """
        table = self.table
        fields = fields_of(self.batch.rows[self.index], table.columns, table.class_names, self.where)
        if table.shard.split:
            fields.setdefault("split", table.shard.split)
        if table.override:
            fields["labels"] = table.override
        if table.image:
            return self._with_image_inside(fields)
        notes = read_notes(fields, table.labels, self.where)
        image = inside(notes.file_name, self.where)
        return notes.record(image, default_id(image))

    def _with_image_inside(self, fields: dict[str, Any]) -> ImageRecord:
        row = f"{self.table.shard.path.stem}-{self.number:06d}"
        name = plain_name(self.batch.file_name(self.index)) or plain_name(fields.get("id")) or row
        notes = read_notes({**fields, "file_name": name}, self.table.labels, self.where)
        folder = f"{notes.split}/" if notes.split else ""
        # Two images of a split that are called alike must not become one file.
        image = f"{folder}{name}" if hash(f"{folder}{name}") not in self.taken else f"{folder}{row}"
        self.taken.add(hash(image))
        return notes.record(f"{image}.jpg", name)

    def write(self, record: ImageRecord, folder: Path) -> ImageRecord:
        """Write the row's image below `folder`, and return the record with the path of the file.

        Raises:
            InputError: the row holds no image, one of an unknown format, or the file cannot be written.
        """
        content = self.batch.image(self.index)
        suffix = signed_suffix(content or b"")
        if content is None or suffix is None:
            what = "no image" if content is None else "the image has none of the known formats"
            raise InputError(f"{what} in this row", where=self.where, remedy="Look at the data set.")
        image = f"{record.image.removesuffix('.jpg')}{suffix}"
        path = folder / image
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # What is there already keeps its time: whoever goes on with it sees that it is the same.
            if not (path.is_file() and path.read_bytes() == content):
                path.write_bytes(content)
        except OSError as error:
            raise ImageNotWrittenError(
                f"cannot be written: {error.strerror}",
                where=path,
                remedy="Free some space, or choose another --out.",
            ) from error
        return record.model_copy(update={"image": image})


def _label_set(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the label set that a table's own names make; one that is known keeps its known order."""
    if not names:
        return LABEL_SETS[DEFAULT_LABEL_SET]
    plain = sorted(name.casefold() for name in names)
    same = [known for known in LABEL_SETS.values() if sorted(known) == plain]
    return same[0] if same else label_set(names)
