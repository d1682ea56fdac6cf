"""Reads Parquet and Arrow files batch by batch: the layouts of Hugging Face's `datasets`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import orjson

from emogen.errors import InputError, shorten
from emogen.registry import require
from emogen.storage import DataFile

__all__ = ["ColumnarFile"]

BATCH_ROWS: Final = 256
# Fewer at a time where a row carries its image.
IMAGE_BATCH_ROWS: Final = 16


class ColumnarFile:
    """A Parquet file, or an Arrow file as a stream (what `datasets` writes) or with a footer.

    Attributes:
        path: The file.
        schema: Its columns, pyarrow's.
        row_count: How many rows it has; None where only reading them would tell.

    Raises:
        InputError: the file cannot be read.
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, path: DataFile) -> None:
        require("pyarrow", extra="tables", purpose=f"Reading {path.suffix or path.name} files")
        self.path = path
        self.row_count: int | None = None
        with _translated(path):
            if path.suffix.lower() == ".parquet":
                with _parquet_reader(path) as file:
                    self.schema = file.schema_arrow
                    self.row_count = file.metadata.num_rows
            else:
                with _arrow_reader(path) as (reader, _):
                    self.schema = reader.schema

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return list(self.schema.names)

    def class_names(self, column: str) -> tuple[str, ...]:
        """Return what the numbers of a label column mean, as `datasets` writes it down; empty where it does not."""
        metadata = self.schema.metadata or {}
        try:
            features = orjson.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
            names = features[column]["names"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return ()
        return tuple(names) if all(isinstance(name, str) for name in names) else ()

    def holds_images(self, column: str) -> bool:
        """Return whether a column holds the images themselves, as bytes or as `datasets`' bytes and path."""
        import pyarrow as pa

        kind = self.schema.field(column).type
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            raise InputError(
                f"the column {shorten(column)!r} holds several images a row",
                where=self.path,
                remedy="Keep one image a row.",
            )
        if pa.types.is_struct(kind):
            return True
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    def batches(self, columns: Sequence[str], image: str | None, *, with_images: bool) -> Iterator[Batch]:
        """Yield the rows batch by batch.

        Args:
            columns: The columns to read.
            image: The column that holds the images, besides.
            with_images: Read the images, too, and not only how their files were called.

        Raises:
            InputError: the file is damaged.
        """
        size = IMAGE_BATCH_ROWS if with_images else BATCH_ROWS
        with _translated(self.path):
            for part in self._parts(columns, image, size, with_images=with_images):
                yield Batch(part, columns, image, with_images=with_images)

    def _parts(
        self, columns: Sequence[str], image: str | None, size: int, *, with_images: bool
    ) -> Iterator[Any]:
        if self.path.suffix.lower() == ".parquet":
            wanted = list(columns)
            if image and with_images:
                wanted.append(image)
            elif image and self._has_paths(image):
                wanted.append(f"{image}.path")
            with _parquet_reader(self.path) as file:
                yield from file.iter_batches(batch_size=size, columns=wanted, use_threads=False)
            return
        with _arrow_reader(self.path) as (_, parts):
            for part in parts:
                # The file is mapped into memory: a column that nobody looks at is never read.
                for start in range(0, part.num_rows, size):
                    yield part.slice(start, size)

    def _has_paths(self, column: str) -> bool:
        import pyarrow as pa

        kind = self.schema.field(column).type
        return bool(pa.types.is_struct(kind) and kind.get_field_index("path") >= 0)


class Batch:
    """Some rows, as plain Python values; an image's bytes only when they are asked for."""

    def __init__(self, part: Any, columns: Sequence[str], image: str | None, *, with_images: bool) -> None:
        self.rows: list[dict[str, Any]] = part.select(list(columns)).to_pylist()
        self._images = part.column(image) if image and image in part.schema.names else None
        self._with_images = with_images
        self._struct = self._images is not None and hasattr(self._images.type, "get_field_index")

    def file_name(self, index: int) -> str | None:
        """Return how the image's file was called; None where nothing says it."""
        if self._images is None or not self._struct or self._images.type.get_field_index("path") < 0:
            return None
        return self._images.field("path")[index].as_py() or None

    def image(self, index: int) -> bytes | None:
        """Return the bytes of a row's image; None where the row has none."""
        if self._images is None or not self._with_images:
            return None
        values = self._images
        if self._struct:
            if values.type.get_field_index("bytes") < 0:
                return None
            values = values.field("bytes")
        return values[index].as_py() or None


@contextmanager
def _parquet_reader(path: DataFile) -> Iterator[Any]:
    import pyarrow.parquet as parquet

    # By default the whole file is fetched ahead and kept; so, and without threads, it is one group of rows.
    with path.open("rb") as opened, parquet.ParquetFile(opened, pre_buffer=False) as file:
        yield file


@contextmanager
def _arrow_reader(path: DataFile) -> Iterator[tuple[Any, Iterator[Any]]]:
    """Open an Arrow file as a stream or, where it is none, with its footer."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        try:
            reader = pa.ipc.open_stream(source)
        except pa.ArrowInvalid:
            source.seek(0)
            footed = pa.ipc.open_file(source)
            parts = (footed.get_batch(i) for i in range(footed.num_record_batches))
            yield footed, parts
        else:
            yield reader, iter(reader)


@contextmanager
def _translated(path: DataFile) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"cannot be read as {path.suffix.removeprefix('.') or 'a table'}: {shorten(error)}",
            where=path,
            remedy="Download or write the file again, or choose another --source.",
        ) from error
