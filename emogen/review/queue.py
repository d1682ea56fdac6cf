"""Which samples are reviewed, in which order, and where they lie: of half a million, 12 bytes each are in memory."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Container, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from pydantic import ValidationError

from emogen.drawing import Draw, lot
from emogen.errors import InputError, UnknownNameError, shorten
from emogen.reviews import Key
from emogen.schemas import Sample
from emogen.store import SAMPLES

__all__ = ["Queue", "Wanted", "queue_of"]

_BUFFER_BYTES: Final = 1 << 20
_COUNTED_AT_ONCE: Final = 1000


@dataclass(frozen=True)
class Wanted:
    """What of a run is reviewed.

    Attributes:
        types: The instruction types; None for all.
        only_flagged: Whether only samples that a check has flagged.
        only: These samples alone; None for all.
        size: How many of these, drawn by `seed` and their names alone; None for all.
        seed: Draws other ones.
    """

    types: frozenset[str] | None = None
    only_flagged: bool = False
    only: frozenset[Key] | None = None
    size: int | None = None
    seed: int = 0


class _Record(msgspec.Struct, gc=False):
    id: str


class _Head(msgspec.Struct, gc=False):
    """What decides whether a sample is reviewed."""

    record: _Record
    instruction: str
    flags: list[str] = []

    @property
    def key(self) -> Key:
        return self.record.id, self.instruction


class Queue:
    """Samples in the order in which they are reviewed; use it as a context manager.

    Args:
        path: The file of samples, which stays open: it is read on where a run is made anew meanwhile.

    Attributes:
        known: The places of samples that were asked about.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb", buffering=_BUFFER_BYTES)
        self.known: list[int] = []
        self._begins = array("Q")
        self._lengths = array("I")

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._begins)

    @property
    def is_current(self) -> bool:
        """Whether the file is the one that the run has now."""
        try:
            now = self.path.stat()
        except OSError:
            return False
        mine = os.fstat(self._file.fileno())
        return (now.st_dev, now.st_ino) == (mine.st_dev, mine.st_ino)

    def add(self, begin: int, length: int, *, known: bool) -> None:
        """Let a line be reviewed after the others."""
        if known:
            self.known.append(len(self))
        self._begins.append(begin)
        self._lengths.append(length)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the whole file."""
        return iter(self._file)

    def sample(self, position: int) -> Sample:
        """Return one of the samples, counted from 0.

        Raises:
            InputError: the line is no sample.
        """
        line = os.pread(self._file.fileno(), self._lengths[position], self._begins[position])
        try:
            return Sample.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "line"
            raise InputError(
                f"sample {position + 1}: {field}: {shorten(first['msg'])}", where=self.path
            ) from error


def queue_of(
    run: Path,
    wanted: Wanted,
    known: Container[Key] = (),
    advance: Callable[[int], object] = lambda step: None,
) -> Queue:
    """Read a run's samples once, and return those that are to be reviewed, as they lie or in the order of their lots.

    Half a last line, of a run that goes on, is passed over.

    Args:
        run: The run folder.
        wanted: Which.
        known: Samples whose places in the queue are asked about.
        advance: Told after every thousand lines.

    Raises:
        InputError: there are none, none of them is wanted, or a line is broken.
    """
    path = run / SAMPLES
    if not path.is_file():
        raise InputError("no samples there", where=path, remedy="Make them with `emogen generate`.")
    try:
        with ExitStack() as opened:
            queue = opened.enter_context(Queue(path))
            types = _fill(queue, wanted, known, advance)
            for unknown in (wanted.types or frozenset()) - types:
                raise UnknownNameError("instruction type in this run", unknown, types, where="--types")
            if not len(queue):
                raise InputError(
                    "none of its samples is of those asked for", where=path, remedy="Ask for others."
                )
            opened.pop_all()
            return queue
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error


def _fill(queue: Queue, wanted: Wanted, known: Container[Key], advance: Callable[[int], object]) -> set[str]:
    """Add what is wanted, and return the instruction types that were met."""
    decode = msgspec.json.Decoder(_Head).decode
    drawn: Draw[tuple[int, int, bool]] | None = None if wanted.size is None else Draw(wanted.size)
    types: set[str] = set()
    begin = 0
    for number, line in enumerate(queue.lines(), 1):
        if line.endswith(b"\n") and line.strip():
            head = _head(decode, line, f"{queue.path}:{number}")
            types.add(head.instruction)
            if _is_wanted(head, wanted):
                is_known = head.key in known
                if drawn is None:
                    queue.add(begin, len(line), known=is_known)
                else:
                    drawn.offer(lot(wanted.seed, "/".join(head.key)), (begin, len(line), is_known))
        begin += len(line)
        if not number % _COUNTED_AT_ONCE:
            advance(_COUNTED_AT_ONCE)
    for begin, length, is_known in drawn.rows() if drawn is not None else ():
        queue.add(begin, length, known=is_known)
    return types


def _head(decode: Callable[[bytes], _Head], line: bytes, where: str) -> _Head:
    try:
        return decode(line)
    except msgspec.DecodeError as error:
        raise InputError(shorten(error), where=where, remedy="Mend or remove this line.") from error


def _is_wanted(head: _Head, wanted: Wanted) -> bool:
    if wanted.types is not None and head.instruction not in wanted.types:
        return False
    if wanted.only_flagged and not head.flags:
        return False
    return wanted.only is None or head.key in wanted.only
