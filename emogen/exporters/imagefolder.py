"""Hugging Face's imagefolder: for each split a folder of images with a `metadata.jsonl` beside them.

Source of the rules: huggingface/datasets 5.2, `packaged_modules/folder_based_builder/folder_based_builder.py` and
`data_files.py`. Several rows of one image are read by datasets 3.4 or newer. Read it with
`datasets.load_dataset(folder)`; the column is called `image`. The splits are found by `README.md`, whatever the names
of the images. Each column must have one type in all splits, so that a missing emotion is an empty string.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from emogen.errors import InputError, shorten
from emogen.exporters import Example, Layout, PlacedRow, Problem, Row, Turns
from emogen.exporters.conversations import not_an_object
from emogen.exporters.flat import check_flat, flat_row
from emogen.exporters.images import check_image
from emogen.exporters.json_lines import JsonLinesPart, read_json_lines
from emogen.exporters.options import SPLITS
from emogen.schemas import Split

__all__ = ["METADATA", "ImageFolder"]

METADATA: Final = "metadata.jsonl"
_CARD: Final = "README.md"
# Their name of the split → ours.
_SPLITS: Final[Mapping[Split, str]] = {"train": "train", "val": "validation", "test": "test"}
# What the reader takes for an image, of what cameras and painters' programs write.
_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff")


@dataclass(frozen=True)
class _Folders(Layout):
    def part(self, folder: Path, split: str, shard_bytes: int) -> JsonLinesPart:
        """Open the metadata of one split."""
        (folder / split).mkdir()
        return JsonLinesPart(folder / split / METADATA)

    def finish(self, folder: Path, rows: Mapping[str, int]) -> None:
        """Write the data set card that says where each split lies."""
        splits = [
            f"      - split: {theirs}\n        path: {split}/**\n"
            for split, theirs in _SPLITS.items()
            if split in rows
        ]
        text = "---\nconfigs:\n  - config_name: default\n    data_files:\n" + "".join(splits) + "---\n"
        (folder / _CARD).write_text(text, encoding="utf-8")

    def read(self, path: Path) -> Iterator[PlacedRow]:
        """Yield the rows of every metadata file; an image that is not there is a problem of its row."""
        for split, file in _metadata_files(path):
            for placed in read_json_lines(file):
                problems = tuple(_not_there(placed.row, file.parent))
                folder = file.parent.relative_to(path).as_posix() if path.is_dir() else ""
                yield placed._replace(split=split, problems=problems, folder=folder)


def _metadata_files(path: Path) -> Iterator[tuple[Split | None, Path]]:
    if not path.is_dir():
        yield None, path
        return
    splits: list[tuple[Split | None, Path]] = [(split, path / split / METADATA) for split in SPLITS]
    known = [file for _, file in splits]
    others = [(None, file) for file in sorted(path.rglob(METADATA)) if file not in known]
    files = [(split, file) for split, file in splits if file.is_file()] + others
    if not files:
        raise InputError(
            f"holds no {METADATA}", where=path, remedy="Name a folder of images with their metadata."
        )
    yield from files


def _not_there(row: object, folder: Path) -> Iterator[Problem]:
    name = row.get("file_name") if isinstance(row, dict) else None
    if not isinstance(name, str) or list(check_image(name)):
        return
    try:
        there = (folder / name).is_file()
    except OSError:
        there = False
    if not there:
        rule = f"must be a file beside {METADATA}, not {shorten(repr(name), 60)}: datasets stops at the row"
        yield Problem("file_name", rule, "Put the image there, or take the row out.")


class ImageFolder:
    """Hugging Face imagefolder: images with metadata.jsonl beside them, a folder for each split."""

    layout: Layout = _Folders(
        always_folder=True, images=("copy", "link"), image_prefix="", images_by_split=True
    )
    turns: tuple[Turns, ...] = ("conversation", "single")
    bare_names: bool = False
    takes_plain: bool = False
    unique: str | None = None

    def row(self, example: Example) -> Row:
        """Return `{file_name, ...}` with the columns of `emogen.exporters.flat`."""
        row = flat_row(example)
        return {"file_name": example.image, **row, "emotion": row["emotion"] or ""}

    def check_row(self, row: object) -> list[Problem]:
        """Return the rules of the imagefolder reader that a row breaks."""
        if not isinstance(row, dict):
            return not_an_object(row)
        return [*_check_file_name(row.get("file_name")), *check_flat(row)]


def _check_file_name(name: Any) -> Iterator[Problem]:
    faults = list(check_image(name, "file_name"))
    if faults:
        yield from faults
        return
    if not name.lower().endswith(_SUFFIXES):
        rule = f"must end in one of {', '.join(_SUFFIXES)}, not {shorten(repr(name), 60)}: it is passed over"
        yield Problem("file_name", rule, "Rename the file by what it is.")
    if any(part.startswith((".", "__")) and part != "." for part in name.split("/")):
        rule = f"must have no part that begins with '.' or '__', as {shorten(repr(name), 60)} has: it is passed over"
        yield Problem("file_name", rule, "Rename the file, or its folder.")
