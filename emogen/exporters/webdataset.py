"""WebDataset: tar shards, which are read from one end to the other while training.

Source of the rules: webdataset/webdataset 1.0.2, `webdataset/tariterators.py` (`base_plus_ext`, `group_by_keys`) and
`webdataset/autodecode.py` (`imagehandler`). A sample is the files of one key that lie next to each other:
`000000017.jpg` and `000000017.json`. Records follow each other in the order of a hash, so that a reader which shuffles
within a buffer sees all kinds from the beginning. Read it with `webdataset.WebDataset("train-{000000..000007}.tar")`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from emogen.errors import shorten
from emogen.exporters import Example, Layout, PlacedRow, Problem, Row, ShardLayout, Turns
from emogen.exporters.conversations import not_an_object
from emogen.exporters.flat import check_flat, flat_row
from emogen.exporters.image_bytes import HEAD_BYTES, begins_as_image
from emogen.exporters.images import check_image
from emogen.exporters.parts import shard_files
from emogen.exporters.shards import shard_names
from emogen.exporters.tar_shards import Member, TarShards, key_and_extension, members

__all__ = ["WebDataset"]

# What `decode("pil")` and its kin take for an image.
_IMAGES: Final = ("jpg", "jpeg", "png", "ppm", "pgm", "pbm", "pnm")
_TEXTS: Final = ("txt", "text", "transcript")


@dataclass(frozen=True)
class _Shards(ShardLayout):
    shard_suffix: str = ".tar"

    def part(self, folder: Path, split: str, shard_bytes: int) -> TarShards:
        """Open the shards of one split."""
        return TarShards(shard_names(folder, split, ".tar"), shard_bytes)

    def shard(self, file: Path, first: int) -> TarShards:
        """Open one shard; the keys of its samples go on from those before it."""
        return TarShards(iter([file]), None, first)

    def finish(self, folder: Path, rows: Mapping[str, int]) -> None:
        """Write nothing: a reader is told how many shards there are."""

    def read(self, path: Path) -> Iterator[PlacedRow]:
        """Yield each sample of the shards: what its JSON holds, with the name of its image where that says none."""
        for split, file in shard_files(path, ".tar"):
            seen: set[str] = set()
            for number, sample in enumerate(_samples(file)):
                problems = list(sample.problems())
                if sample.key in seen:
                    rule = f"must occur once, and its files lie together: {shorten(sample.key, 40)} is there again"
                    problems.append(Problem("key", rule, "Write the files of a sample one after the other."))
                seen.add(sample.key)
                place = f"{file}: row {number} ({shorten(sample.key, 40)})"
                yield PlacedRow(place, sample.row(), split, tuple(problems), content=sample.content)


@dataclass
class _Sample:
    """The files of one key that lie next to each other, by extension."""

    key: str
    files: dict[str, bytes] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)

    def take(self, extension: str, content: bytes) -> None:
        if extension in self.files:
            self.twice.append(extension)
        self.files[extension] = content

    @property
    def images(self) -> list[str]:
        return [extension for extension in self.files if extension.rpartition(".")[2] in _IMAGES]

    @property
    def content(self) -> bytes | None:
        """The image, where there is one."""
        return self.files[self.images[0]] if self.images else None

    def row(self) -> Row:
        """Return what the text files hold; what cannot be read is a problem of `problems`."""
        row: Row = {}
        for extension, content in self.files.items():
            kind = extension.rpartition(".")[2]
            if kind == "json":
                value = _json(content)
                row.update(value if isinstance(value, dict) else {extension: value})
            elif kind in _TEXTS:
                row.setdefault(extension, content.decode(errors="replace"))
        if self.images:
            row.setdefault("image", f"{self.key}.{self.images[0]}")
        return row

    def problems(self) -> Iterator[Problem]:
        remedy = "Name the files of a sample KEY.jpg and KEY.json, with no dot in KEY."
        for extension in self.twice:
            yield Problem(extension, f"must occur once in a sample: {shorten(self.key, 40)} has two", remedy)
        if len(self.images) != 1:
            rule = f"must hold one image ({', '.join(_IMAGES)}), not {len(self.images)}"
            yield Problem("sample", f"{rule}: it has {shorten(', '.join(self.files), 60)}", remedy)
        for extension in self.images:
            if "." in extension:
                rule = f"must be what follows the only dot of the name, not {shorten(extension, 40)!r}"
                yield Problem("key", f"{rule}: the key ends at the first dot", remedy)
            if not begins_as_image(self.files[extension][:HEAD_BYTES]):
                yield Problem(extension, "must be an image, and does not begin as one", "Replace the image.")
        for extension, content in self.files.items():
            if extension.rpartition(".")[2] == "json" and _json(content) is None:
                yield Problem(extension, "must be JSON that can be read", "Write the sample anew.")


def _json(content: bytes) -> object:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _samples(file: Path) -> Iterator[_Sample]:
    sample: _Sample | None = None
    for member in members(file):
        if _is_hidden(member):
            continue
        key, extension = key_and_extension(member.name)
        if sample is None or sample.key != key:
            if sample is not None:
                yield sample
            sample = _Sample(key)
        sample.take(extension.lower(), member.content)
    if sample is not None:
        yield sample


def _is_hidden(member: Member) -> bool:
    # `__skip__` and the like are notes to readers; a name that is all extension has no key.
    base = member.name.rpartition("/")[2]
    return base.startswith(".") or (base.startswith("__") and base.endswith("__"))


class WebDataset:
    """WebDataset: tar shards with the images inside."""

    layout: Layout = _Shards(always_folder=True, images=("embed",), image_prefix="", mixed=True)
    turns: tuple[Turns, ...] = ("conversation", "single")
    bare_names: bool = False
    takes_plain: bool = False
    unique: str | None = None

    def row(self, example: Example) -> Row:
        """Return what the sample's JSON holds: `{image, ...}` with the columns of `emogen.exporters.flat`."""
        return {"image": example.image, **flat_row(example)}

    def check_row(self, row: object) -> list[Problem]:
        """Return the rules of WebDataset's reader that a sample breaks."""
        if not isinstance(row, dict):
            return not_an_object(row)
        return [*_check_name(row.get("image")), *check_flat(row)]


def _check_name(image: Any) -> Iterator[Problem]:
    faults = list(check_image(image))
    yield from faults
    if not faults and image.rpartition(".")[2].lower() not in _IMAGES:
        rule = f"must end in one of {', '.join(_IMAGES)}, not {shorten(repr(image), 60)}"
        yield Problem(
            "image", f"{rule}: WebDataset leaves others undecoded", "Save the image as JPEG or PNG."
        )
