"""Every answer on disk before anything is done with it: an append-only SQLite file in the run folder.

An answer is addressed by the content of its request, so that the same request is never paid for twice, whatever
is added to the input, and however parsers, checks and exports change afterwards. Commits are grouped: `put`
returns only when its answer is durable, and the answers that come while one commit is under way share the next. One
by one they would be twenty times slower.

Write-ahead logging needs shared memory: never put a journal on a network file system.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

from emogen.errors import EmovitError, InputError
from emogen.journal_entry import COLUMNS, Entry, PackedEntry, packed, unpacked
from emogen.key_filter import KeyFilter
from emogen.schemas import Usage

__all__ = ["AnswerStore", "Journal"]

GROUP_SIZE: Final = 64
# The slot of a request is held until its answer is committed: waiting longer costs throughput, shorter costs CPU.
GROUP_WAIT_S: Final = 0.005
SCHEMA_VERSION: Final = 1

# All or nothing: a process may be killed while it makes the file.
_SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE answers (
    position INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    record_id TEXT NOT NULL,
    instruction TEXT NOT NULL,
    revision INTEGER NOT NULL,
    cost REAL,
    body BLOB NOT NULL
);
PRAGMA user_version={SCHEMA_VERSION};
COMMIT;
"""
_SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM answers"


class AnswerStore(Protocol):
    """Where known answers come from, and where new ones become durable."""

    def get(self, key: bytes) -> Entry | None:
        """Return the answer to a request, or None where there is none yet."""

    async def put(self, entry: Entry) -> None:
        """Keep an answer; it is durable when this returns."""


class Journal:
    """The journal of one run; use it as a context manager, inside a running event loop for `put`.

    Args:
        path: The SQLite file; made where it does not exist.

    Raises:
        InputError: it cannot be opened, or another version wrote it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys = KeyFilter()
        self._group: _Group | None = None
        self._groups: queue.SimpleQueue[_Group | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._failure: str | None = None
        with contextlib.ExitStack() as opened:
            try:
                # Two, so that reading need not wait for a commit.
                self._reader = opened.enter_context(contextlib.closing(_connect(path)))
                self._writer = opened.enter_context(contextlib.closing(_connect(path)))
            except sqlite3.Error as error:
                raise InputError(
                    f"cannot be opened: {error}",
                    where=path,
                    remedy="Name another file, or move this one away.",
                ) from error
            for (key,) in self._reader.execute("SELECT key FROM answers"):
                self._keys.add(key)
            self._opened = opened.pop_all()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Commit what is waiting and close the file."""
        if self._thread is not None:
            self._hand_over()
            self._groups.put(None)
            self._thread.join()
            self._thread = None
        self._opened.close()

    def get(self, key: bytes) -> Entry | None:
        """Return the answer to a request, or None where there is none yet."""
        if key not in self._keys:
            return None
        row = self._reader.execute(f"{_SELECT} WHERE key = ?", (key,)).fetchone()
        return unpacked(row) if row else None

    def has(self, key: bytes) -> bool:
        """Whether the answer to a request is there."""
        if key not in self._keys:
            return False
        return self._reader.execute("SELECT 1 FROM answers WHERE key = ?", (key,)).fetchone() is not None

    def get_packed(self, keys: Iterable[bytes]) -> list[PackedEntry]:
        """Return the answers of known keys as they stand in the file."""
        found = (self._reader.execute(f"{_SELECT} WHERE key = ?", (key,)).fetchone() for key in keys)
        return [row for row in found if row]

    def places(self) -> Iterator[tuple[bytes, str, str]]:
        """Yield the key, the record id and the instruction type of every answer."""
        return iter(self._reader.execute("SELECT key, record_id, instruction FROM answers ORDER BY position"))

    def spent(self, price: Callable[[Usage], float] | None = None) -> float:
        """Return what all answers together cost; those of then unknown price count by `price`, or nothing."""
        known = float(self._reader.execute("SELECT total(cost) FROM answers").fetchone()[0])
        if price is None:
            return known
        unknown = map(unpacked, self._reader.execute(f"{_SELECT} WHERE cost IS NULL"))
        return known + sum(price(entry.completion.usage) for entry in unknown)

    def entries(self) -> Iterator[Entry]:
        """Yield all answers by record and instruction type, each row's in the order in which they came."""
        rows = self._reader.execute(f"{_SELECT} ORDER BY record_id, instruction, position")
        return map(unpacked, rows)

    def last_position(self) -> int:
        """Return the position of the answer that came last; 0 where there is none."""
        return int(self._reader.execute("SELECT coalesce(max(position), 0) FROM answers").fetchone()[0])

    def rows_after(self, position: int) -> set[tuple[str, str]]:
        """Return record id and instruction type of the answers that came after a position."""
        found = self._reader.execute(
            "SELECT DISTINCT record_id, instruction FROM answers WHERE position > ?", (position,)
        )
        return set(found)

    def mean_answer_tokens(self) -> dict[str, float]:
        """Return how many tokens an answer has in the mean, by instruction type, of those that said it."""
        tokens = "json_extract(CAST(body AS TEXT), '$.completion.usage.completion_tokens')"
        said = "json_extract(CAST(body AS TEXT), '$.completion.usage.estimated') IS NULL"
        query = f"SELECT instruction, avg({tokens}) FROM answers WHERE {tokens} > 0 AND {said} GROUP BY instruction"
        return dict(self._reader.execute(query))

    def newest(self) -> Entry | None:
        """Return the answer that came last."""
        row = self._reader.execute(f"{_SELECT} ORDER BY position DESC LIMIT 1").fetchone()
        return unpacked(row) if row else None

    async def put(self, entry: Entry) -> None:
        """Write one answer and wait until it is durable.

        Raises:
            EmovitError: the disk is full or the file has gone; everything committed before stays.
        """
        await self._durable(self._join(packed(entry)))

    async def put_packed(self, rows: Iterable[PackedEntry]) -> None:
        """Write answers that come together, and wait until they are durable; those that are there already stay.

        Raises:
            EmovitError: as `put`.
        """
        committed = [self._join(row) for row in rows]
        self._hand_over()
        for one in committed:
            await self._durable(one)

    def _join(self, row: PackedEntry) -> asyncio.Future[str | None]:
        """Add an answer to the open group, and return what says when it is durable."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
            self._thread.start()
        self._keys.add(row[0])
        loop = asyncio.get_running_loop()
        # One future for each: whoever is cancelled takes nobody with it.
        committed: asyncio.Future[str | None] = loop.create_future()
        self._join_group(loop, row, committed)
        return committed

    async def _durable(self, committed: asyncio.Future[str | None]) -> None:
        failure = await committed
        if failure is not None:
            raise EmovitError(
                f"cannot be written: {failure}",
                where=self.path,
                remedy="Free some space, then run the same command again: all committed answers are kept.",
            )

    def _join_group(
        self, loop: asyncio.AbstractEventLoop, row: PackedEntry, committed: asyncio.Future[str | None]
    ) -> None:
        """Add an answer to the open group, which is handed over when it is full, or a moment after its first."""
        if self._group is None or self._group.loop is not loop:
            self._hand_over()
            self._group = _Group(loop, loop.call_later(GROUP_WAIT_S, self._hand_over))
        self._group.rows.append(row)
        self._group.waiting.append(committed)
        if len(self._group.rows) == GROUP_SIZE:
            self._hand_over()

    def _hand_over(self) -> None:
        """Give the open group, if there is one, to the thread that writes."""
        group, self._group = self._group, None
        if group is not None:
            group.timer.cancel()
            self._groups.put(group)

    def _write(self) -> None:
        while (group := self._groups.get()) is not None:
            self._commit(group)

    def _commit(self, group: _Group) -> None:
        try:
            # One statement is one transaction, and lets go of the interpreter once: with one for each row, the thread
            # would stand in the event loop's queue for each.
            self._writer.execute(_insert(len(group.rows)), [value for row in group.rows for value in row])
        except Exception as error:  # Whatever it is, somebody waits for the outcome.
            # What comes later is tried all the same, as it is paid for; but nobody is told that all is well.
            self._failure = str(error)
        # The loop may be closed already where the program is being torn down.
        with contextlib.suppress(RuntimeError):
            group.loop.call_soon_threadsafe(_settle, group.waiting, self._failure)


@dataclass(frozen=True, slots=True)
class _Group:
    """Answers that are committed together, and the futures of those who wait for it."""

    loop: asyncio.AbstractEventLoop
    timer: asyncio.TimerHandle
    rows: list[PackedEntry] = field(default_factory=list)
    waiting: list[asyncio.Future[str | None]] = field(default_factory=list)


def _connect(path: Path) -> sqlite3.Connection:
    with contextlib.ExitStack() as undo:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        undo.callback(connection.close)
        # The page size takes effect only before the first table, and before write-ahead logging is switched on.
        connection.execute("PRAGMA page_size=16384")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA_VERSION):
            raise InputError(
                f"was written by another version of this program (format {version})",
                where=path,
                remedy="Name another --out.",
            )
        if version == 0:
            connection.executescript(_SCHEMA)
        undo.pop_all()
        return connection


@cache
def _insert(rows: int) -> str:
    values = f"({', '.join('?' * len(COLUMNS))})"
    return f"INSERT OR IGNORE INTO answers ({', '.join(COLUMNS)}) VALUES {', '.join([values] * rows)}"


def _settle(waiting: list[asyncio.Future[str | None]], failure: str | None) -> None:
    for committed in waiting:
        if not committed.done():
            committed.set_result(failure)
