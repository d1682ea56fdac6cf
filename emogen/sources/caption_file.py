"""Reads pairs of image name and caption from a file of any of the usual formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from emogen.errors import InputError, shorten
from emogen.sources.columnar import ColumnarFile
from emogen.sources.delimited import DelimitedTable
from emogen.sources.json_lines import json_objects

__all__ = ["caption_pairs"]

# The first of these that an entry has names its image, and the first of the others is its caption.
_NAMES: Final = ("file_name", "image", "image_path", "filename", "path", "image_id", "id")
_CAPTIONS: Final = ("caption", "captions", "text")
_REMEDY: Final = (
    'Write lines or rows with "file_name" and "caption", or one JSON object as {"a.jpg": "A dog runs."}.'
)


def caption_pairs(path: Path) -> Iterator[tuple[str, str]]:
    """Yield `(name of the image, caption)` of each entry; of several captions for one image, the first.

    JSON Lines, CSV, TSV and Parquet have a row for each image. JSON is a list of such rows, or maps names to captions.

    Raises:
        InputError: the file cannot be read or is empty, or an entry has no name or no caption.
        MissingExtraError: it is Parquet, and pyarrow is not installed.
    """
    readers = {".jsonl": _lines, ".ndjson": _lines, ".csv": _table, ".tsv": _table}
    readers |= {".parquet": _columns, ".json": _json}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"no file of captions ends in {path.suffix!r}", where=path, remedy=f"Known: {', '.join(readers)}."
        )
    empty = True
    for pair in reader(path):
        empty = False
        yield pair
    if empty:
        raise InputError("holds no captions", where=path, remedy=_REMEDY)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    for number, fields in json_objects(path):
        yield _pair(fields, f"{path}:{number}")


def _table(path: Path) -> Iterator[tuple[str, str]]:
    table = DelimitedTable(path)
    for number, cells in table.rows():
        yield _pair(table.row(number, cells), f"{path}:{number}")


def _columns(path: Path) -> Iterator[tuple[str, str]]:
    file = ColumnarFile(path)
    columns = [column for column in (_first(file.names, _NAMES), _first(file.names, _CAPTIONS)) if column]
    number = 0
    for batch in file.batches(columns, None, with_images=False):
        for row in batch.rows:
            number += 1
            yield _pair(row, f"{path}: row {number}")


def _json(path: Path) -> Iterator[tuple[str, str]]:
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path, remedy=_REMEDY) from error
    except orjson.JSONDecodeError as error:
        raise InputError(f"not valid JSON: {error.msg}", where=path, remedy=_REMEDY) from error
    if isinstance(content, dict):
        for name, value in content.items():
            yield _pair({"id": name, "caption": value}, f"{path}: {shorten(name)!r}")
    elif isinstance(content, list):
        for number, fields in enumerate(content, 1):
            yield _pair(fields, f"{path}: element {number}")
    else:
        raise InputError("neither a JSON object nor a list", where=path, remedy=_REMEDY)


def _pair(fields: Any, where: str) -> tuple[str, str]:
    if not isinstance(fields, Mapping):
        raise InputError(f"not an entry: {shorten(fields)}", where=where, remedy=_REMEDY)
    names = list(fields)
    column, told = _first(names, _NAMES), _first(names, _CAPTIONS)
    name = fields[column] if column else None
    caption = fields[told] if told else None
    if isinstance(caption, list):
        caption = next((text for text in caption if isinstance(text, str) and text.strip()), None)
    if isinstance(name, str | int) and str(name).strip() and isinstance(caption, str) and caption.strip():
        return str(name), caption.strip()
    missing = "caption" if isinstance(name, str | int) and str(name).strip() else "name of an image"
    raise InputError(f"no {missing} in {shorten(dict(fields))}", where=where, remedy=_REMEDY)


def _first(columns: Sequence[str], known: Sequence[str]) -> str | None:
    plain = {column.strip().casefold(): column for column in columns}
    return next((plain[name] for name in known if name in plain), None)
