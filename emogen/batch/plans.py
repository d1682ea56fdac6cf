"""What was submitted: an SQLite file in the run folder, written before anything is created at the provider.

A batch costs money from the moment it is created, so each step towards that is on disk before it is taken. A process
that is killed in between leaves a state that says what the provider may have; the next one looks there before it does
anything again.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import orjson

from emogen.batch.planned import Asked, Batch, Failure, State, Terms
from emogen.errors import InputError
from emogen.schemas import Usage
from emogen.store import BATCHES

__all__ = ["Plans", "refuse_double"]

SCHEMA_VERSION: Final = 2

_SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE batches (
    number INTEGER PRIMARY KEY,
    plan TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    requests INTEGER NOT NULL,
    most_prompt_tokens INTEGER NOT NULL,
    most_answer_tokens INTEGER NOT NULL,
    terms BLOB NOT NULL,
    file_id TEXT,
    batch_id TEXT
);
CREATE TABLE requests (
    key BLOB NOT NULL,
    batch INTEGER NOT NULL,
    record_id TEXT NOT NULL,
    instruction TEXT NOT NULL,
    revision INTEGER NOT NULL,
    answer_format TEXT NOT NULL,
    context BLOB NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    PRIMARY KEY (key, batch)
) WITHOUT ROWID;
CREATE INDEX requests_of_batch ON requests (batch);
CREATE TABLE failures (
    key BLOB PRIMARY KEY,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE refused_formats (
    answer_format TEXT PRIMARY KEY,
    detail TEXT NOT NULL
) WITHOUT ROWID;
PRAGMA user_version={SCHEMA_VERSION};
COMMIT;
"""
_FROM_VERSION_1: Final = f"""
BEGIN IMMEDIATE;
ALTER TABLE requests ADD COLUMN prompt_tokens INTEGER NOT NULL DEFAULT 0;
PRAGMA user_version={SCHEMA_VERSION};
COMMIT;
"""


class Plans:
    """The batches of one run folder; use it as a context manager. Only who has locked the folder may write.

    Args:
        path: The SQLite file; made where it does not exist.

    Raises:
        InputError: it cannot be opened, or another version wrote it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._database = _connect(path)
        except sqlite3.Error as error:
            raise InputError(
                f"cannot be opened: {error}",
                where=path,
                remedy="Name another run folder, or move this file away.",
            ) from error

    def __enter__(self) -> Plans:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what is written inside durable in one piece, or not at all.

        Raises:
            InputError: the disk is full, or the file has gone.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise InputError(
                f"cannot be written: {error}",
                where=self.path,
                remedy="Free some space, then run the same command again.",
            ) from error

    def next_number(self) -> int:
        """Return the number of the next batch."""
        return int(self._database.execute("SELECT coalesce(max(number), 0) + 1 FROM batches").fetchone()[0])

    def add(self, batch: Batch) -> None:
        """Add a batch whose requests were added; inside `transaction`."""
        self._database.execute(
            "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                batch.number,
                batch.plan,
                batch.state,
                batch.requests,
                batch.most.prompt_tokens,
                batch.most.completion_tokens,
                batch.terms.model_dump_json(),
                batch.file_id,
                batch.batch_id,
            ),
        )

    def add_request(self, number: int, asked: Asked) -> None:
        """Put a request into the batch `number`; inside `transaction`."""
        context = orjson.dumps(asked.context)
        self._database.execute(
            "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                asked.key,
                number,
                asked.record_id,
                asked.instruction,
                asked.revision,
                asked.answer_format,
                context,
                asked.prompt_tokens,
            ),
        )

    def is_asked(self, key: bytes) -> bool:
        """Whether a request is in a batch whose answers were not collected yet."""
        found = self._database.execute("SELECT 1 FROM requests WHERE key = ? LIMIT 1", (key,))
        return found.fetchone() is not None

    def failure(self, key: bytes) -> Failure | None:
        """Return why a request had no answer when it was last collected; None where it was not, or had one."""
        row = self._database.execute("SELECT reason, detail FROM failures WHERE key = ?", (key,)).fetchone()
        return None if row is None else Failure(*row)

    def refused_formats(self) -> dict[str, str]:
        """Return the answer formats that the provider does not do, with what it said."""
        return dict(self._database.execute("SELECT answer_format, detail FROM refused_formats").fetchall())

    def refuse(self, formats: Mapping[str, str]) -> None:
        """Note answer formats that the provider does not do, with what it said; inside `transaction`."""
        self._database.executemany("INSERT OR REPLACE INTO refused_formats VALUES (?, ?)", formats.items())

    def batches(self) -> list[Batch]:
        """Return all batches, in the order in which they were planned."""
        return [_batch(row) for row in self._database.execute("SELECT * FROM batches ORDER BY number")]

    def batch(self, number: int) -> Batch:
        """Return the batch `number`, which must be there."""
        return _batch(self._database.execute("SELECT * FROM batches WHERE number = ?", (number,)).fetchone())

    def open_batches(self) -> list[Batch]:
        """Return those batches whose answers were not collected yet."""
        return [batch for batch in self.batches() if batch.state != State.COLLECTED]

    def request(self, number: int, key: bytes) -> Asked | None:
        """Return a request of the batch `number`, or None where it has none with this key."""
        row = self._database.execute(
            "SELECT record_id, instruction, revision, answer_format, prompt_tokens, context FROM requests "
            "WHERE key = ? AND batch = ?",
            (key, number),
        ).fetchone()
        if row is None:
            return None
        record_id, instruction, revision, answer_format, prompt_tokens, context = row
        return Asked(
            key, record_id, instruction, revision, answer_format, prompt_tokens, orjson.loads(context)
        )

    def keys(self, number: int) -> Iterator[bytes]:
        """Yield the keys of all requests of the batch `number`."""
        found = self._database.execute("SELECT key FROM requests WHERE batch = ?", (number,))
        return (key for (key,) in found)

    def move(
        self, batch: Batch, state: State, *, file_id: str | None = None, batch_id: str | None = None
    ) -> Batch:
        """Note durably how far a batch has come, and return it as it is now."""
        moved = replace(
            batch, state=state, file_id=file_id or batch.file_id, batch_id=batch_id or batch.batch_id
        )
        with self.transaction():
            self._database.execute(
                "UPDATE batches SET state = ?, file_id = ?, batch_id = ? WHERE number = ?",
                (moved.state, moved.file_id, moved.batch_id, moved.number),
            )
        return moved

    def drop(self, batch: Batch) -> None:
        """Forget a batch that the provider does not have; its requests are free to be planned again."""
        with self.transaction():
            self._database.execute("DELETE FROM requests WHERE batch = ?", (batch.number,))
            self._database.execute("DELETE FROM batches WHERE number = ?", (batch.number,))

    def settle(
        self, batch: Batch, failures: Mapping[bytes, Failure], refused_formats: Mapping[str, str]
    ) -> Batch:
        """Note durably that all answers of a batch are in the journal, and why the other requests have none."""
        with self.transaction():
            # What was answered is in the journal with all that belongs to it; what was not is rendered anew.
            self._database.execute("DELETE FROM requests WHERE batch = ?", (batch.number,))
            self._database.executemany(
                "INSERT OR REPLACE INTO failures VALUES (?, ?, ?)",
                ((key, failure.reason, failure.detail) for key, failure in failures.items()),
            )
            self.refuse(refused_formats)
            self._database.execute(
                "UPDATE batches SET state = ? WHERE number = ?", (State.COLLECTED, batch.number)
            )
        return replace(batch, state=State.COLLECTED)


def refuse_double(run: Path) -> None:
    """Refuse to ask the requests of a run with batches online while they may be answered, and paid for, in one.

    Raises:
        InputError: naming how many there are, and what to do.
    """
    with Plans(run / BATCHES) as plans:
        waiting = [batch for batch in plans.open_batches() if batch.state in (State.CREATING, State.CREATED)]
    if waiting:
        raise InputError(
            f"{sum(batch.requests for batch in waiting):,} requests are in batches that were not collected yet, and "
            "would be paid for twice",
            where=run,
            remedy=f"Run `emogen batch collect {run}` first; `emogen batch cancel {run}` ends the waiting.",
        )


def _connect(path: Path) -> sqlite3.Connection:
    with contextlib.ExitStack() as undo:
        connection = sqlite3.connect(path, isolation_level=None)
        undo.callback(connection.close)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 1:
            connection.executescript(_FROM_VERSION_1)
        elif version not in (0, SCHEMA_VERSION):
            raise InputError(
                f"was written by another version of this program (format {version})",
                where=path,
                remedy="Collect it with that version.",
            )
        if version == 0:
            connection.executescript(_SCHEMA)
        undo.pop_all()
        return connection


def _batch(row: tuple[Any, ...]) -> Batch:
    number, plan, state, requests, most_prompt, most_answer, terms, file_id, batch_id = row
    return Batch(
        number,
        plan,
        requests,
        Usage(prompt_tokens=most_prompt, completion_tokens=most_answer),
        Terms.model_validate_json(terms),
        State(state),
        file_id,
        batch_id,
    )
