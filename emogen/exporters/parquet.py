"""Parquet, with the images inside: what `datasets`, pandas and the Hub's viewer open.

Source of the layout: huggingface/datasets 5.2, `features/image.py` (`Image.pa_type`, a struct of `bytes` and
`path`) and `arrow_writer.py` (the schema's key `huggingface`, by which the column is shown as images). A
conversation's `messages` and `image` are what TRL's vision trainers take. Read it with
`datasets.load_dataset(folder)` or `pandas.read_parquet`. Where the images are named instead (`--images reference`),
the program must run in the folder that they start from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from emogen.exporters import Example, FileLayout, Layout, PlacedRow, Problem, Row, Turns
from emogen.exporters.conversations import not_an_object
from emogen.exporters.flat import check_flat, flat_row
from emogen.exporters.images import check_image
from emogen.exporters.parquet_file import ParquetPart, read_parquet
from emogen.exporters.parts import shard_files

__all__ = ["Parquet"]


@dataclass(frozen=True)
class _Files(FileLayout):
    shard_suffix: str = ".parquet"

    def part(self, folder: Path, split: str, shard_bytes: int) -> ParquetPart:
        """Open the shards of one split."""
        return ParquetPart.shards(folder, split, shard_bytes)

    def single(self, file: Path) -> ParquetPart:
        """Open the only file."""
        return ParquetPart(iter([file]), None)

    def finish(self, folder: Path, rows: Mapping[str, int]) -> None:
        """Write nothing: the files say what they hold."""

    def read(self, path: Path) -> Iterator[PlacedRow]:
        """Yield the rows of a file, or of each file in a folder."""
        for split, file in shard_files(path, ".parquet"):
            yield from read_parquet(file, split)


class Parquet:
    """Parquet with the images inside: Hugging Face datasets, TRL, pandas."""

    layout: Layout = _Files(images=("embed", "reference"), image_prefix="")
    turns: tuple[Turns, ...] = ("conversation", "single")
    bare_names: bool = False
    takes_plain: bool = True
    unique: str | None = None

    def row(self, example: Example) -> Row:
        """Return `{image, ...}` with the columns of `emogen.exporters.flat`; the writer puts the bytes to the image."""
        return {"image": example.image, **flat_row(example)}

    def check_row(self, row: object) -> list[Problem]:
        """Return what readers of the file could not make a sample of."""
        if not isinstance(row, dict):
            return not_an_object(row)
        return [*check_image(row.get("image")), *check_flat(row)]
