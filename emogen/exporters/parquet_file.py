"""Parquet files with images inside, as Hugging Face's `datasets` shows them: written and read group by group."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import orjson

from emogen.errors import InputError, shorten
from emogen.exporters import PlacedRow, Problem
from emogen.exporters.image_bytes import HEAD_BYTES, begins_as_image, image_of
from emogen.exporters.images import check_image, image_path
from emogen.exporters.shards import shard_names
from emogen.registry import require
from emogen.schemas import Split

__all__ = ["GROUP_BYTES", "ParquetPart", "read_parquet"]

# A reader holds a whole group, with its images.
GROUP_BYTES: Final = 32_000_000
_GROUP_ROWS: Final = 10_000
_BATCH_ROWS: Final = 64
# A short entry for each row of a group, on top of its bytes.
_ROW_BYTES: Final = 200


def _feature(kind: str) -> dict[str, str]:
    return {"dtype": kind, "_type": "Value"}


# As `datasets` writes features down. Lists are written as `[...]`, which every version of it reads.
_TEXT: Final = _feature("string")
_FEATURES: Final[dict[str, Any]] = {
    "kinds": [_TEXT],
    "messages": [{"role": _TEXT, "content": _TEXT}],
    "image": {"_type": "Image"},
}


class ParquetPart:
    """Writes rows into one file, or into shards, holding one group of rows.

    Args:
        files: The names of the shards.
        shard_bytes: A shard that would become larger by a group is ended; None for one file.
    """

    def __init__(self, files: Iterator[Path], shard_bytes: int | None) -> None:
        self._arrow = require("pyarrow", extra="tables", purpose="Writing Parquet files")
        self._parquet = require("pyarrow.parquet", extra="tables", purpose="Writing Parquet files")
        self._files = files
        self._shard_bytes = shard_bytes
        self._group_bytes = min(GROUP_BYTES, shard_bytes or GROUP_BYTES)
        self._schema: Any = None
        self._writer: Any = None
        self._rows: list[dict[str, Any]] = []
        self._held = 0
        self._written = 0

    @classmethod
    def shards(cls, folder: Path, split: str, shard_bytes: int) -> ParquetPart:
        """Open the shards of one split."""
        return cls(shard_names(folder, split, ".parquet"), shard_bytes)

    def __enter__(self) -> ParquetPart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._rows:
            self._flush()
        self._end()

    def add(self, row: bytes, image: Path | None) -> None:
        """Write one row, with the bytes of its image where that is embedded."""
        fields = orjson.loads(row)
        content = None if image is None else image_of(image)
        size = len(row) + len(content or b"") + _ROW_BYTES
        if self._rows and (self._held + size > self._group_bytes or len(self._rows) >= _GROUP_ROWS):
            self._flush()
        fields["image"] = {"bytes": content, "path": fields["image"]}
        self._rows.append(fields)
        self._held += size

    def _flush(self) -> None:
        if self._schema is None:
            self._schema = self._schema_of(self._rows[0])
        if self._writer is not None and self._shard_bytes and self._written + self._held > self._shard_bytes:
            self._end()
        if self._writer is None:
            # Images do not become smaller; texts are not worth a setting.
            self._writer = self._parquet.ParquetWriter(next(self._files), self._schema, compression="snappy")
            self._written = 0
        self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
        self._written += self._held
        self._rows = []
        self._held = 0

    def _end(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _schema_of(self, row: dict[str, Any]) -> Any:
        arrow = self._arrow
        text = arrow.string()
        types = {
            "kinds": arrow.list_(text),
            "messages": arrow.list_(arrow.struct([("role", text), ("content", text)])),
            "image": arrow.struct([("bytes", arrow.binary()), ("path", text)]),
        }
        features = {name: _FEATURES.get(name, _TEXT) for name in row}
        about = json.dumps({"info": {"features": features}})
        return arrow.schema([(name, types.get(name, text)) for name in row], {"huggingface": about})


def read_parquet(file: Path, split: Split | None) -> Iterator[PlacedRow]:
    """Yield the rows of a file, each with its number (from 0); of an image, its name alone.

    Raises:
        InputError: it cannot be read, or has no column `image`.
    """
    arrow = require("pyarrow", extra="tables", purpose="Reading Parquet files")
    parquet = require("pyarrow.parquet", extra="tables", purpose="Reading Parquet files")
    number = 0
    try:
        with parquet.ParquetFile(file) as opened:
            problems = tuple(_schema_problems(opened.schema_arrow))
            for batch in opened.iter_batches(_BATCH_ROWS):
                for row in batch.to_pylist():
                    found = (*problems, *_image_problems(row))
                    # What is wrong with all rows is said of the first.
                    problems = ()
                    yield PlacedRow(
                        f"{file}: row {number}",
                        {**row, "image": _name_of(row)},
                        split,
                        found,
                        content=_content_of(row),
                    )
                    number += 1
    except arrow.ArrowException as error:
        raise InputError(
            f"not a Parquet file that can be read: {shorten(error)}",
            where=file,
            remedy="Name the format that it is, or write it anew.",
        ) from error
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or shorten(error)}",
            where=file,
            remedy="Name a Parquet file that you may read.",
        ) from error


def _schema_problems(schema: Any) -> Iterator[Problem]:
    """Yield why `datasets` would not show the images."""
    if "image" not in schema.names:
        yield Problem("image", "must be a column", "Name the column of the images so.")
        return
    kind = str(schema.field("image").type)
    if "bytes: " not in kind or "path: " not in kind:
        rule = f"must be a struct of bytes and path, not {shorten(kind, 40)}"
        yield Problem("image", rule, "Write {bytes, path} for each image.")
        return
    if _declared(schema).get("image", {}).get("_type") != "Image":
        rule = "must be declared an Image by the file's key 'huggingface': else datasets shows bytes and path"
        yield Problem("image", rule, "Write the file by datasets, or by `emogen export --format parquet`.")


def _declared(schema: Any) -> dict[str, Any]:
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: kind if isinstance(kind, dict) else {} for name, kind in features.items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _image_problems(row: dict[str, Any]) -> Iterator[Problem]:
    content = _content_of(row)
    if content is not None and not begins_as_image(content[:HEAD_BYTES]):
        yield Problem("image.bytes", "must be an image, and does not begin as one", "Replace the image.")


def _name_of(row: dict[str, Any]) -> object:
    """Return how a row names its image; of an embedded one that has no name, or any, that is no matter."""
    image = row.get("image")
    if not isinstance(image, dict):
        return image
    path = image.get("path")
    if _content_of(row) is None or (path and not list(check_image(path))):
        return path
    return image_path(path).rpartition("/")[2] or "image" if isinstance(path, str) else "image"


def _content_of(row: dict[str, Any]) -> bytes | None:
    image = row.get("image")
    content = image.get("bytes") if isinstance(image, dict) else None
    return content if isinstance(content, bytes) else None
