"""Where image records come from: one layout a file, all behind the same few methods.

Adding one is a file here and a line below. Its class takes a location and `SourceOptions`, says which paths it
recognises, and yields `ImageRecord`s one by one. No source opens an image.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from emogen.errors import InputError
from emogen.registry import Registry
from emogen.schemas import ImageRecord
from emogen.sources.files import is_pattern, kind_of
from emogen.storage import address_of, refuse_address
from emogen.terminal import say

__all__ = [
    "HUB_PREFIX",
    "SOURCES",
    "ImagesInside",
    "OnProblem",
    "Problem",
    "PublishedCounts",
    "Source",
    "SourceKind",
    "SourceOptions",
    "detect",
    "open_source",
    "raise_problem",
    "read_records",
]


# Sources that look around in folders: these lie on a disk.
_OF_THIS_MACHINE: Final = ("arrow", "emoset", "folder")
# What tells a data set of the Hugging Face Hub from a path.
HUB_PREFIX: Final = "hf:"


@dataclass(frozen=True)
class Problem:
    """Something wrong with one row of a source.

    Attributes:
        where: The file, line or row.
        what: What is wrong with it, and the remedy where there is one.
        left_out: Whether no record was made of the row; otherwise the record lacks something.
    """

    where: str
    what: str
    left_out: bool = True

    @classmethod
    def of(cls, error: InputError) -> Problem:
        """Return the problem of a row that was refused with `error`."""
        return cls(error.where or "", f"{error.what.rstrip('.')}. {error.remedy or ''}".rstrip())

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


OnProblem = Callable[[Problem], None]


@dataclass(frozen=True)
class PublishedCounts:
    """How many images a data set has by its authors' word.

    Attributes:
        dataset: Its name.
        images: (split, emotion) → number of images.
    """

    dataset: str
    images: Mapping[tuple[str, str], int]


def _to_stderr(notice: str) -> None:
    say(notice, err=True)


@dataclass(frozen=True)
class SourceOptions:
    """What the user chose; a source takes from it what it knows.

    Attributes:
        labels: The label set of all records, instead of what the source says of it.
        metadata: The file that says what is known of the images of a folder.
        image_root: The folder that the records' image paths start from, instead of where the records lie.
        on_notice: Called with a line that the user must know before something slow begins.
    """

    labels: tuple[str, ...] | None = None
    metadata: Path | None = None
    image_root: Path | None = None
    on_notice: Callable[[str], None] = _to_stderr


class Source(Protocol):
    """Records in some layout; they can be read more than once.

    Attributes:
        name: The source's name in the table.
        image_root: The folder that the `image` of each record is relative to.
        published: What the data set's authors counted; None for data without authors that we know.
    """

    name: str
    image_root: Path
    published: PublishedCounts | None

    def records(self, on_problem: OnProblem) -> Iterator[ImageRecord]:
        """Yield the records, each read when it is asked for, in the same order each time; their ids differ.

        Args:
            on_problem: Called with what is wrong with a single row, before the next record is yielded.

        Raises:
            InputError: nothing is there, or the content as a whole cannot be used.
            MissingExtraError: a package that reads this layout is not installed.
        """

    def count(self) -> int | None:
        """Return how many rows there are at most; None where only reading them would tell."""


@runtime_checkable
class ImagesInside(Protocol):
    """What a source has besides, where it may hold the images themselves and not paths of files."""

    def has_images_inside(self) -> bool:
        """Return whether it does.

        Raises:
            InputError: as `Source.records`.
        """

    def extract(
        self, folder: Path, wanted: Callable[[ImageRecord], bool], on_problem: OnProblem
    ) -> Iterator[ImageRecord]:
        """Yield the wanted records, each with its image written below `folder` and named relative to it.

        Raises:
            InputError: as `Source.records`, or an image cannot be written.
        """


class SourceKind(Protocol):
    """What the table holds: makes a source of a location, and knows its own layout."""

    def __call__(self, location: str, options: SourceOptions) -> Source:
        """Make the source; nothing is read yet."""

    def recognises(self, path: Path) -> str | None:
        """Return what shows that `path`, which exists, is of this layout; None where nothing does."""


SOURCES: Final[Registry[SourceKind]] = Registry(
    "source",
    "emogen.sources",
    {
        "arrow": "emogen.sources.arrow:ArrowSource",
        "csv": "emogen.sources.csv_table:CsvSource",
        "emoset": "emogen.sources.emoset:EmoSetSource",
        "folder": "emogen.sources.folder:FolderSource",
        "hub": "emogen.sources.hub:HubSource",
        "jsonl": "emogen.sources.jsonl:JsonlSource",
        "parquet": "emogen.sources.parquet:ParquetSource",
    },
)


def open_source(
    location: str | Path, options: SourceOptions | None = None, *, name: str | None = None
) -> Source:
    """Open what `location` names.

    Args:
        location: A file, a folder, a pattern (`shards/*.jsonl`), an address of one of these (`s3://bucket/x`), or
            `hf:owner/name`, a data set of the Hugging Face Hub.
        options: What the user chose.
        name: The source that reads it; by default what is there decides, see `detect`.

    Raises:
        InputError: nothing is there, no source recognises it, or several do; or the source has no use for the
            location, or for the folder of images.
        UnknownNameError: there is no source `name`.
    """
    name = name or detect(location)
    address = address_of(location)
    if address and name in _OF_THIS_MACHINE:
        refuse_address(location, f"What the source {name} reads")
    options = options or SourceOptions()
    source = SOURCES.get(name)(address or str(location), options)
    if options.image_root and source.image_root != options.image_root:
        raise InputError(
            f"the source {name} knows where its images are", where=options.image_root, remedy="Leave it out."
        )
    return source


def detect(location: str | Path) -> str:
    """Return the name of the source that recognises `location`.

    A folder that none recognises is taken for a folder of images.

    Raises:
        InputError: as `open_source`.
    """
    if str(location).startswith(HUB_PREFIX):
        return "hub"
    if address_of(location) or is_pattern(location):
        return kind_of(location)
    path = Path(location)
    if not path.exists():
        raise InputError(
            "no such file or folder",
            where=location,
            remedy="Name what is there; `emogen records` and `emogen describe` make a records file of it. "
            f"A data set of the Hugging Face Hub is named as {HUB_PREFIX}owner/name.",
        )
    signs = {name: SOURCES.get(name).recognises(path) for name in SOURCES.names()}
    found = [f"{name} ({sign})" for name, sign in signs.items() if sign]
    names = [name for name, sign in signs.items() if sign]
    if len(names) > 1:
        raise InputError(
            f"can be read as {' or as '.join(found)}",
            where=location,
            remedy=f"Say which: --source {names[0]}.",
        )
    if names:
        return names[0]
    if path.is_dir():
        return "folder"
    raise InputError(
        f"no source is known by the name ending {path.suffix!r}",
        where=location,
        remedy=f"Say what it is with --source: {', '.join(SOURCES.names())}.",
    )


def raise_problem(problem: Problem) -> None:
    """Raise a problem that cost a record as an `InputError`; warn of another."""
    if problem.left_out:
        raise InputError(problem.what, where=problem.where)
    warnings.warn(str(problem), stacklevel=2)


def read_records(
    location: str | Path, labels: tuple[str, ...] | None = None, *, source: str | None = None
) -> Iterator[ImageRecord]:
    """Read records from a file or folder of any known layout, one at a time as they are asked for.

    Args:
        location: A records file, a folder of images, a data set.
        labels: The label set of all records, instead of what the source says; see `emogen.labels.label_set`.
        source: The layout, by its name; what is there decides by default.

    Raises:
        InputError: as `open_source`; or a row, whose turn has come, cannot be used.
    """
    return open_source(location, SourceOptions(labels=labels), name=source).records(raise_problem)
