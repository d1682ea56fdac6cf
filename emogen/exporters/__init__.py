"""Files that other people's trainers read: one format a file, each with the rules of its consumer.

Another package adds a format by one line under `[project.entry-points."emogen.exporters"]`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, Protocol

from emogen.registry import Registry
from emogen.schemas import Split
from emogen.stored import StoredTurn

__all__ = [
    "EXPORTERS",
    "Example",
    "Exporter",
    "FileLayout",
    "Images",
    "Layout",
    "Part",
    "PlacedRow",
    "Problem",
    "Row",
    "ShardLayout",
    "Turns",
]

Row = dict[str, Any]
Turns = Literal["single", "conversation"]
Images = Literal["reference", "copy", "link", "embed"]


class Example(NamedTuple):
    """What becomes one row: an image with one question and answer, or with a whole conversation.

    Attributes:
        id: `<record id>/<instruction>`, and `/<turn>` where it is one of several turns of that sample.
        record_id: The record.
        instruction: The instruction type.
        first: The number of its first turn in the sample, from 0.
        image: How the row names the image: a path with forward slashes.
        emotion: The labelled emotion.
        turns: Questions and answers, in dialogue order; at least one.
        form: What every row of the export holds: a sample of one turn is a conversation among conversations.
    """

    id: str
    record_id: str
    instruction: str
    first: int
    image: str
    emotion: str | None
    turns: Sequence[StoredTurn]
    form: Turns


@dataclass(frozen=True)
class Problem:
    """One rule of a consumer that a row breaks.

    Attributes:
        field: Where in the row, as one would write it in Python: `conversations[2].value`.
        rule: What must be, what was seen, and what the consumer does otherwise.
        remedy: What to do next, as an imperative sentence.
        place: The sample, or the file with line and row; empty while nobody knows it.
    """

    field: str
    rule: str
    remedy: str
    place: str = ""

    def at(self, place: str) -> Problem:
        """Return the same problem with its place."""
        return replace(self, place=place)

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        return f"{place}{self.field} {self.rule}. {self.remedy}"


class PlacedRow(NamedTuple):
    """One row of a file that is there.

    Attributes:
        place: Where it stands: the file, with line or member, and row.
        row: What it is.
        split: The split whose part it stands in; None where the file is not one of an export's parts.
        problems: What is wrong with how it lies there, whatever it says.
        folder: The folder that its image path starts from, relative to what is read; "" for that itself.
        content: The image itself, where the file holds it.
    """

    place: str
    row: object
    split: Split | None = None
    problems: tuple[Problem, ...] = ()
    folder: str = ""
    content: bytes | None = None


class Part(Protocol):
    """The rows of one split while they are written; a context manager, which ends the file where all went well."""

    def __enter__(self) -> Part: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def add(self, row: bytes, image: Path | None) -> None:
        """Write one row.

        Args:
            row: What `Exporter.row` made, as JSON in one line.
            image: The image file, where the layout embeds images.
        """
        ...


@dataclass(frozen=True)
class Layout(ABC):
    """How rows lie on the disk.

    Attributes:
        always_folder: Whether even a single part with its images elsewhere needs a folder.
        images: What may be done with the images; the first is what is done where nobody says anything.
        image_prefix: What rows put before the name of an image that lies in the export.
        images_by_split: Whether the images lie in a folder for each split, which rows do not name.
        mixed: Whether it is read from one end to the other, so that records must not stand by their ids.
    """

    always_folder: bool = False
    images: tuple[Images, ...] = ("reference", "copy", "link")
    image_prefix: str = "images/"
    images_by_split: bool = False
    mixed: bool = False

    @abstractmethod
    def part(self, folder: Path, split: str, shard_bytes: int) -> Part:
        """Open the part of one split in the folder of an export."""

    @abstractmethod
    def finish(self, folder: Path, rows: Mapping[str, int]) -> None:
        """Write what stands beside the parts; `rows` counts those of each split."""

    @abstractmethod
    def read(self, path: Path) -> Iterator[PlacedRow]:
        """Yield the rows of a file or folder, whoever wrote it.

        Raises:
            InputError: it cannot be read; with the place where the fault is.
        """


@dataclass(frozen=True)
class ShardLayout(Layout):
    """Rows that can be cut into shards of so many.

    Attributes:
        shard_suffix: What the name of a shard ends in.
        shard_folders: Whether the shards of each split lie in a folder of their own.
    """

    shard_suffix: str = ""
    shard_folders: bool = False

    @abstractmethod
    def shard(self, file: Path, first: int) -> Part:
        """Open a shard.

        Args:
            file: Its file.
            first: How many rows of the split come before it.
        """

    def finish_shards(self, folder: Path, rows: Mapping[str, int]) -> None:
        """Write what stands beside shards; by default the same as beside parts."""
        self.finish(folder, rows)


class FileLayout(ShardLayout):
    """Rows that may lie in one file: every layout that is not `always_folder`."""

    @abstractmethod
    def single(self, file: Path) -> Part:
        """Open the only part of an export that is one file."""

    def shard(self, file: Path, first: int) -> Part:
        """Open a shard: a file like any other."""
        return self.single(file)


class Exporter(Protocol):
    """One format.

    Attributes:
        layout: How its rows lie on the disk.
        turns: What a row may hold; the first is what it holds where nobody says anything.
        bare_names: Whether rows name images by their file name alone.
        takes_plain: Whether a row of plain text (no mark of `emogen.exporters.text`, no blank turn, whole characters)
            and of an image that is there breaks no rule, so that `check_row` need not be asked about it.
        unique: The field whose value must not occur twice in a file, or None.
    """

    layout: Layout
    turns: tuple[Turns, ...]
    bare_names: bool
    takes_plain: bool
    unique: str | None

    def row(self, example: Example) -> Row:
        """Return the row of one example, its text unaltered."""
        ...

    def check_row(self, row: object) -> list[Problem]:
        """Return the consumer's rules that a row breaks, whoever wrote it; empty means that it loads."""
        ...


EXPORTERS: Final[Registry[Callable[[], Exporter]]] = Registry(
    "export format",
    "emogen.exporters",
    {
        "emovit": "emogen.exporters.emovit:EmoVit",
        "imagefolder": "emogen.exporters.imagefolder:ImageFolder",
        "instructblip": "emogen.exporters.instructblip:InstructBlip",
        "lavis-llava": "emogen.exporters.lavis_llava:LavisLlava",
        "llava": "emogen.exporters.llava:Llava",
        "messages": "emogen.exporters.messages:Messages",
        "parquet": "emogen.exporters.parquet:Parquet",
        "sharegpt": "emogen.exporters.sharegpt:ShareGpt",
        "webdataset": "emogen.exporters.webdataset:WebDataset",
    },
)
