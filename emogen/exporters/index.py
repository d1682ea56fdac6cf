"""Which samples an export has, where their rows lie and in which order they are wanted: tables on the disk.

SQLite keeps them in a file of its own that has no name, in the folder for temporary files, and sorts them there, so
that what is in memory does not grow with the number of samples.
"""

from __future__ import annotations

import posixpath
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final, NamedTuple

from emogen.errors import InputError
from emogen.resources import sha256_text

__all__ = [
    "ADDED_AT_ONCE",
    "ADD_VALUE",
    "FIELDS",
    "Entry",
    "add_samples",
    "entries_in_order",
    "find_clashes",
    "indexing",
    "values_met_twice",
]

_PRAGMAS: Final = (
    "page_size=32768",
    "cache_size=-2000",
    "journal_mode=OFF",
    "synchronous=OFF",
    "temp_store=FILE",
)

# Splits are places in `SPLITS`. Where a sample has no rows, only its image counts.
_TABLES: Final = """
CREATE TABLE sample (
    record_id TEXT, instruction TEXT, path TEXT, own_split INTEGER, begin INTEGER, length INTEGER
);
CREATE TABLE value_met (value);
CREATE TABLE image_split (path TEXT PRIMARY KEY, split INTEGER) WITHOUT ROWID;
CREATE TABLE image_clash (path TEXT PRIMARY KEY, clash TEXT) WITHOUT ROWID;
"""
# Columns of `sample`.
FIELDS: Final = 6
# So few that the processor still has them at hand, and that any SQLite takes as many variables.
ADDED_AT_ONCE: Final = 100
ADD_VALUE: Final = "INSERT INTO value_met VALUES (?)"
_IN_ORDER: Final = """
SELECT record_id, instruction, path, own_split, coalesce({split}own_split, 0), {clash}, begin, length
FROM sample {joined} WHERE length > 0 ORDER BY {first} record_id, instruction
"""
_CLASHES: Final = """
INSERT INTO image_clash
SELECT path, CASE path WHEN first THEN last ELSE first END
FROM image_name JOIN (
    SELECT name, min(path) AS first, max(path) AS last FROM image_name GROUP BY name HAVING first != last
) USING (name)
"""


class Entry(NamedTuple):
    """One sample that has rows.

    Attributes:
        record_id: The record.
        instruction: The instruction type.
        path: Its image, as `Picture.path`.
        own_split: What the record says of its split, as a place in `SPLITS`, or None.
        split: The split of its image, so too: where images were not assigned one, all records agree.
        clash: Another image that has its name, where names must not be shared.
        begin: The place of the first byte of its rows.
        length: How many bytes they are.
    """

    record_id: str
    instruction: str
    path: str
    own_split: int | None
    split: int
    clash: str | None
    begin: int
    length: int


@contextmanager
def indexing() -> Iterator[sqlite3.Connection]:
    """Open an index; it is gone with the block.

    Raises:
        InputError: there is no room for it.
    """
    try:
        with closing(sqlite3.connect("", isolation_level=None)) as index:
            for pragma in _PRAGMAS:
                index.execute(f"PRAGMA {pragma}")
            index.executescript(_TABLES)
            # Nobody else reads it, and it never ends: one transaction for all.
            index.execute("BEGIN")
            yield index
    except sqlite3.OperationalError as error:
        raise InputError(
            f"the index of an export cannot be written: {error}",
            where="the folder for temporary files",
            remedy="Make room there, or name another one by TMPDIR.",
        ) from error


def add_samples(index: sqlite3.Connection, fields: list[object]) -> None:
    """Add samples whose fields, in the order of the table, stand one behind the other: at most `ADDED_AT_ONCE`.

    One statement for all takes half the time of one for each.
    """
    if not fields:
        return
    rows = ", ".join(["(?, ?, ?, ?, ?, ?)"] * (len(fields) // FIELDS))
    statement = f"INSERT INTO sample VALUES {rows}"
    try:
        index.execute(statement, fields)
    except UnicodeEncodeError:
        # Half a surrogate pair: no JSON can hold it, so the sample has no rows, and only its image counts.
        index.execute(statement, [_storable(field) for field in fields])


def _storable(field: object) -> object:
    return field.encode("utf-8", "backslashreplace").decode() if isinstance(field, str) else field


def find_clashes(index: sqlite3.Connection) -> None:
    """Note of every image which other one has its file name: what both are called would be a matter of chance."""
    index.create_function("base_name", 1, posixpath.basename)
    index.execute("CREATE TABLE image_name AS SELECT DISTINCT path, base_name(path) AS name FROM sample")
    index.execute(_CLASHES)


def values_met_twice(index: sqlite3.Connection) -> set[object]:
    """Return the values that were added more than once."""
    query = "SELECT value FROM value_met GROUP BY value HAVING count(*) > 1"
    return {value for (value,) in index.execute(query)}


def entries_in_order(index: sqlite3.Connection, *, mixed: bool) -> Iterator[Entry]:
    """Yield the samples that have rows by record id, or by a hash of it where `mixed`, and instruction type."""
    index.create_function("mix", 1, sha256_text)
    # Looking into a table that has nothing takes as long for each sample as the sorting.
    split, clash = (_holds(index, table) for table in ("image_split", "image_clash"))
    query = _IN_ORDER.format(
        split="split, " if split else "",
        clash="clash" if clash else "NULL",
        joined=" ".join(
            f"LEFT JOIN {table} USING (path)"
            for table, there in (("image_split", split), ("image_clash", clash))
            if there
        ),
        first="mix(record_id), " if mixed else "",
    )
    return map(Entry._make, index.execute(query))


def _holds(index: sqlite3.Connection, table: str) -> bool:
    """Whether a table has any rows."""
    return index.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None
