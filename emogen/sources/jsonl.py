"""Records from a JSONL file: one `ImageRecord` a line, such as `emogen records` and `emogen describe` write."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from emogen.errors import InputError
from emogen.labels import DEFAULT_LABEL_SET, LABEL_SETS, label_set
from emogen.schemas import ImageRecord
from emogen.sources import OnProblem, PublishedCounts, SourceOptions
from emogen.sources.fields import check_emotion, read_labels, validate
from emogen.sources.files import data_files, root_of
from emogen.sources.id_hashes import IdHashes
from emogen.sources.json_lines import json_lines, parse
from emogen.storage import DataFile

__all__ = ["JsonlSource", "default_id", "read_jsonl"]

_DEFAULT_LABELS = LABEL_SETS[DEFAULT_LABEL_SET]
_SUFFIXES = (".jsonl", ".ndjson")
_METADATA = "metadata.jsonl"


class JsonlSource:
    """Records (JSON Lines), a file or shards: this program's own format, in which a broken line ends the reading."""

    name = "jsonl"

    def __init__(self, location: str, options: SourceOptions) -> None:
        self._location = location
        self._labels = options.labels
        self.image_root = options.image_root or root_of(location)
        self.published: PublishedCounts | None = None

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """A file that ends in .jsonl or .ndjson, or a folder that holds nothing else."""
        if path.is_file():
            return f"its name ends in {path.suffix.lower()}" if path.suffix.lower() in _SUFFIXES else None
        seen = [each for each in path.iterdir() if not each.name.startswith(".")]
        others = any(each.name == _METADATA or each.suffix.lower() not in _SUFFIXES for each in seen)
        return f"{min(seen).name} is in it" if seen and not others else None

    def records(self, on_problem: OnProblem) -> Iterator[ImageRecord]:
        """Yield the records; see `read_jsonl`."""
        yield from read_jsonl(data_files(self._location, _SUFFIXES), self._labels)

    def count(self) -> int | None:
        """Return the number of lines that are not blank; None where that takes a download or cannot be read."""
        files = data_files(self._location, _SUFFIXES)
        if not all(isinstance(file, Path) for file in files):
            return None
        try:
            return sum(map(_line_count, files))
        except OSError:
            return None


def _line_count(file: DataFile) -> int:
    with file.open("rb") as lines:
        return sum(1 for line in lines if line.strip())


def read_jsonl(
    files: DataFile | Sequence[DataFile], labels: tuple[str, ...] | None = None
) -> Iterator[ImageRecord]:
    """Yield the records of a JSONL file or of several, reading a line only when its record is asked for.

    A line holds the fields of `ImageRecord`. Only `image` is required; the file that it names need not
    exist. `labels` is a list or the name of a label set; `id` is by default the image's path without
    its suffix.

    Args:
        files: The file, or the files in their order.
        labels: The label set of all records, instead of theirs.

    Raises:
        InputError: a file cannot be read or is empty; a line is broken, holds an unknown field, a
            wrong value or an emotion that is none of its labels; two lines have the same id.
    """
    shards = files if isinstance(files, Sequence) else (files,)
    seen = IdHashes()
    checked: set[tuple[str, ...]] = {_DEFAULT_LABELS}
    for path in shards:
        for number, line in json_lines(path):
            record = None if labels else _whole(line, checked)
            if record is None:
                record = _explained(line, labels, f"{path}:{number}")
            if seen.add(record.id) and (earlier := _line_of(record.id, shards, path, number, labels)):
                raise InputError(
                    f"id {record.id!r} was already given in {earlier}",
                    where=f"{path}:{number}",
                    remedy="Give each record an 'id' of its own.",
                )
            yield record


def _line_of(
    record_id: str,
    shards: Sequence[DataFile],
    last: DataFile,
    before: int,
    labels: tuple[str, ...] | None,
) -> str | None:
    """Return where an id is given, before a line of the `last` shard; None where two merely have one hash."""
    for path in shards:
        for number, line in json_lines(path):
            if path == last and number >= before:
                return None
            record = None if labels else _whole(line, {_DEFAULT_LABELS})
            if (record or _explained(line, labels, f"{path}:{number}")).id == record_id:
                return f"line {number}" if path == last else f"{path}:{number}"
    return None


def default_id(image: str) -> str:
    """Return the id of a record that was given none: the image's path without its suffix."""
    return os.path.splitext(image)[0].removeprefix("./") or image  # noqa: PTH122 - a Path would rewrite URLs


def _whole(line: bytes, checked: set[tuple[str, ...]]) -> ImageRecord | None:
    """Return the record of a line that says all of it, as nearly every line does; None for any other line."""
    try:
        record = ImageRecord.model_validate_json(line)
    except ValidationError:
        return None
    if record.labels not in checked:
        # A list of labels that was not met before is looked at once.
        try:
            label_set(record.labels)
        except InputError:
            return None
        checked.add(record.labels)
    return record


def _explained(line: bytes, override: tuple[str, ...] | None, where: str) -> ImageRecord:
    """Return the record of a line that leaves something out, or say what is wrong with it."""
    fields: dict[str, Any] = parse(line, where)
    labels = override or read_labels(fields, _DEFAULT_LABELS, where)
    check_emotion(fields.get("emotion"), labels, where)
    image = fields.get("image")
    # Where the image is wrong, the default is any text, so that the error speaks of the image.
    name = default_id(image) if image and isinstance(image, str) else where
    return validate(ImageRecord, {"id": name, **fields, "labels": labels}, where)
