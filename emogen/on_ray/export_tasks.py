"""What workers do of an export: they draft the rows of some samples, and write the rows of one shard."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from emogen.errors import EmovitError, InputError
from emogen.exporters import EXPORTERS, Images, ShardLayout, Turns
from emogen.exporters.drafting import Drafting, drafting_of
from emogen.exporters.left_out import LeftOut
from emogen.exporters.options import ExportOptions
from emogen.exporters.pictures import OddPictures
from emogen.on_ray.parcels import Failure
from emogen.reviews import ReviewCounts
from emogen.schemas import Split
from emogen.storage import address_of, opened, put
from emogen.stored import decoded

__all__ = ["HALF_WRITTEN", "Drafted", "Errand", "drafted", "written"]

# Shards that a worker has not finished; nothing else in an export is called so.
HALF_WRITTEN: Final = ".emogen-shard-*.part"


@dataclass(frozen=True)
class Errand:
    """What workers are told of an export.

    Attributes:
        format: A name of `EXPORTERS`.
        options: What of the samples; the image root is an absolute path, the same on every machine.
        turns: What one row holds.
        images: What is done with the images.
        samples: The file that the samples are read from elsewhere, for what is said of its lines.
    """

    format: str
    options: ExportOptions
    turns: Turns
    images: Images
    samples: Path


@dataclass
class Drafted:
    """What was made of some samples; takes it as a spool does.

    Attributes:
        samples: The arguments of `Spool.add`.
        values: Those of `Spool.add_values`.
        left_out: Samples that break a rule.
        odd: Images that trainers see otherwise than they are, with how.
        met: How many samples there were.
        not_asked: How many were not asked for.
        reviewed: What people's decisions came to; None where they are not heeded.
    """

    samples: list[tuple[str, str, str, Split | None, list[bytes]]] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    odd: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    met: int = 0
    not_asked: int = 0
    reviewed: ReviewCounts | None = None

    def add(
        self, record_id: str, instruction: str, path: str, own_split: Split | None, rows: list[bytes]
    ) -> None:
        """See `Spool`."""
        self.samples.append((record_id, instruction, path, own_split, rows))

    def add_values(self, values: list[Any]) -> None:
        """See `Spool`."""
        self.values += values


class _Odd(OddPictures):
    """Hands on what it is told: a hash, by which images are counted, is another one in each process."""

    def __init__(self, found: list[tuple[str, tuple[str, ...]]]) -> None:
        super().__init__()
        self._found = found

    def add(self, path: str, oddities: Iterable[str]) -> None:
        if kinds := tuple(oddities):
            self._found.append((path, kinds))


def drafted(errand: Errand, first: int, lines: Sequence[bytes]) -> Drafted | Failure:
    """Draft the samples of some lines of the run's file, of which the first has this number."""
    made = Drafted()
    try:
        drafting = _drafting(errand)
        drafting.pictures.odd = _Odd(made.odd)
        drafting.draft(decoded(lines, first, errand.samples), made)
    except EmovitError as error:
        return Failure.of(error)
    made.left_out, made.met, made.not_asked = drafting.left_out, drafting.met, drafting.not_asked
    made.reviewed = drafting.heeding.counts if drafting.heeding is not None else None
    return made


def _drafting(errand: Errand) -> Drafting:
    exporter = EXPORTERS.get(errand.format)()
    return drafting_of(exporter, errand.options, errand.turns, errand.images)


def written(
    errand: Errand, place: str, first: int, rows: Sequence[bytes], images: Sequence[str | None]
) -> int | Failure:
    """Write a shard to its place, whole or not at all, and return how many bytes it has.

    Args:
        errand: Of the export.
        place: A path that is the same on every machine, or an address.
        first: How many rows of the split come before it.
        rows: Each JSON in one line.
        images: The image of each row, where the format embeds it.
    """
    layout = EXPORTERS.get(errand.format)().layout
    assert isinstance(layout, ShardLayout), "the command refuses the others"
    try:
        with _beside(place) as file:
            with layout.shard(file, first) as part:
                for row, image in zip(rows, images, strict=True):
                    part.add(row, Path(image) if image is not None else None)
            size = file.stat().st_size
            _bring(file, place)
            return size
    except EmovitError as error:
        return Failure.of(error)
    except OSError as error:
        what = f"cannot be written on {socket.gethostname()}: {error.strerror or error}"
        remedy = (
            "Name a folder that is there, and may be written, on every machine; or an address in a store."
        )
        return Failure.of(InputError(what, where=place, remedy=remedy))


@contextmanager
def _beside(place: str) -> Iterator[Path]:
    """Yield where a shard is made: beside its place, or, for one that goes to a store, among temporary files."""
    if address_of(place):
        with tempfile.TemporaryDirectory(prefix="emogen-export-") as scratch:
            yield Path(scratch, "shard")
        return
    file = Path(place).with_name(HALF_WRITTEN.replace("*", secrets.token_hex(8)))
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def _bring(file: Path, place: str) -> None:
    if address := address_of(place):
        fs, path = opened(address)
        put(fs, {file: path}, address)
        return
    with file.open("rb") as whole:
        os.fsync(whole.fileno())
    file.replace(place)
