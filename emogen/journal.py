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
import hashlib
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import orjson

from emogen.errors import EmovitError, InputError
from emogen.schemas import Completion, Prompt

__all__ = ["Entry", "Journal", "request_key"]

GROUP_SIZE: Final = 64
# The slot of a request is held until its answer is committed: waiting longer costs throughput, shorter costs CPU.
GROUP_WAIT_S: Final = 0.01
SCHEMA_VERSION: Final = 1

_SCHEMA: Final = """
CREATE TABLE answers (
    key BLOB PRIMARY KEY,
    record_id TEXT NOT NULL,
    instruction TEXT NOT NULL,
    revision INTEGER NOT NULL,
    body BLOB NOT NULL
);
"""
_SELECT: Final = "SELECT key, record_id, instruction, revision, body FROM answers"


@dataclass(frozen=True, slots=True)
class Entry:
    """One durable answer.

    Attributes:
        key: See `request_key`.
        record_id: The record that was asked about.
        instruction: The instruction type.
        revision: 0 for the first request, 1 for the first re-ask with a correction, ...
        attempts: How often the request was sent.
        cost: What it cost when it was asked; None where the price was unknown.
        completion: The raw answer.
        context: What else is needed to make the sample anew from the journal alone: the record, prompt hashes, seeds.
    """

    key: bytes
    record_id: str
    instruction: str
    revision: int
    attempts: int
    cost: float | None
    completion: Completion
    context: dict[str, Any]


def request_key(model: str, parameters: dict[str, Any], prompt: Prompt, revision: int = 0) -> bytes:
    """Return the SHA-256 of everything that decides what is asked, and for which record.

    Two records that read alike are two requests: each has an answer of its own. The revision is part of it:
    otherwise a rejected answer would be replayed for ever.
    """
    canonical = orjson.dumps(
        [
            model,
            parameters,
            prompt.record_id,
            prompt.instruction,
            [[message.role, message.content] for message in prompt.messages],
            prompt.answer_schema,
            [[turn.question, *turn.openings] for turn in prompt.guide],
            revision,
        ],
        option=orjson.OPT_SORT_KEYS,
    )
    return hashlib.sha256(canonical).digest()


class Journal:
    """The journal of one run; use it as a context manager, inside a running event loop for `put`.

    Args:
        path: The SQLite file; made where it does not exist.

    Raises:
        InputError: it cannot be opened, or another version wrote it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._reader = self._connect()
        except sqlite3.Error as error:
            raise InputError(
                f"cannot be opened: {error}", where=path, remedy="Name another --out, or move the file away."
            ) from error
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._failure: Exception | None = None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        # The page size takes effect only before the first table, and before write-ahead logging is switched on.
        connection.execute("PRAGMA page_size=16384")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA_VERSION):
            connection.close()
            raise InputError(
                f"was written by another version of this program (format {version})",
                where=self.path,
                remedy="Name another --out.",
            )
        if version == 0:
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        return connection

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Commit what is waiting and close the file."""
        if self._writer is not None:
            self._waiting.put(None)
            self._writer.join()
            self._writer = None
        self._reader.close()

    def get(self, key: bytes) -> Entry | None:
        """Return the answer to a request, or None where there is none yet."""
        row = self._reader.execute(f"{_SELECT} WHERE key = ?", (key,)).fetchone()
        return _entry(row) if row else None

    def spent(self) -> float:
        """Return what all answers together cost, as far as their prices were known."""
        return float(sum(entry.cost or 0.0 for entry in self.entries()))

    def entries(self) -> Iterator[Entry]:
        """Yield all answers, by record, instruction type and revision."""
        rows = self._reader.execute(f"{_SELECT} ORDER BY record_id, instruction, revision")
        return map(_entry, rows)

    async def put(self, entry: Entry) -> None:
        """Write one answer and wait until it is durable.

        Raises:
            EmovitError: the disk is full or the file has gone; everything committed before stays.
        """
        if self._failure is not None:
            raise self._failure
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="journal", daemon=True)
            self._writer.start()
        loop = asyncio.get_running_loop()
        committed: asyncio.Future[None] = loop.create_future()
        self._waiting.put(_Waiting(_row(entry), loop, committed))
        await committed

    def _write(self) -> None:
        connection = self._connect()
        try:
            last = False
            while not last:
                group, last = self._next_group()
                if group:
                    self._commit(connection, group)
        finally:
            connection.close()

    def _next_group(self) -> tuple[list[_Waiting], bool]:
        """Wait for an answer, and take those that have come meanwhile; True after the last."""
        item = self._waiting.get()
        deadline_s = time.monotonic() + GROUP_WAIT_S
        group: list[_Waiting] = []
        while item is not None:
            group.append(item)
            if len(group) == GROUP_SIZE:
                return group, False
            try:
                item = self._waiting.get(timeout=max(0.0, deadline_s - time.monotonic()))
            except queue.Empty:
                return group, False
        return group, True

    def _commit(self, connection: sqlite3.Connection, group: list[_Waiting]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT OR IGNORE INTO answers (key, record_id, instruction, revision, body) VALUES (?, ?, ?, ?, ?)",
                [waiting.row for waiting in group],
            )
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._failure = EmovitError(
                f"cannot be written: {error}",
                where=self.path,
                remedy="Free some space, then run the same command again: all committed answers are kept.",
            )
        for loop in {waiting.loop for waiting in group}:
            futures = [waiting.committed for waiting in group if waiting.loop is loop]
            # The loop may be closed already where the program is being torn down.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, futures, self._failure)


@dataclass(frozen=True, slots=True)
class _Waiting:
    row: tuple[bytes, str, str, int, bytes]
    loop: asyncio.AbstractEventLoop
    committed: asyncio.Future[None]


def _settle(futures: list[asyncio.Future[None]], failure: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)


def _row(entry: Entry) -> tuple[bytes, str, str, int, bytes]:
    body = orjson.dumps(
        {
            "completion": entry.completion.model_dump(),
            "attempts": entry.attempts,
            "cost": entry.cost,
            "context": entry.context,
        }
    )
    return entry.key, entry.record_id, entry.instruction, entry.revision, body


def _entry(row: tuple[bytes, str, str, int, bytes]) -> Entry:
    key, record_id, instruction, revision, body = row
    held = orjson.loads(body)
    return Entry(
        key,
        record_id,
        instruction,
        revision,
        held["attempts"],
        held["cost"],
        Completion.model_validate(held["completion"]),
        held["context"],
    )
