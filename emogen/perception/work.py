"""What was found already, on disk while a description goes on: after a kill the same command finds it again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import orjson

from emogen.errors import EmovitError, InputError
from emogen.perception import Finding

__all__ = ["FoundFile", "finding_key", "identity_key", "image_state"]

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS found (key BLOB PRIMARY KEY, finding BLOB NOT NULL) WITHOUT ROWID"
)


def identity_key(identity: Mapping[str, Any]) -> bytes:
    """Return what stands for a stage in keys: the same for the same model, prompt, thresholds and so on."""
    return sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).digest()


def image_state(folder: Path, image: str) -> bytes:
    """Return what stands for an image file as it lies on the disk now: its name, size and time of change.

    Raises:
        InputError: there is no such file.
    """
    try:
        state = (folder / image).stat()
    # A name with a nul byte is a ValueError.
    except (OSError, ValueError) as error:
        raise InputError(
            "no such image", where=folder / image, remedy="Mend the name, or leave the image out."
        ) from error
    return f"{image}\0{state.st_size}\0{state.st_mtime_ns}\0".encode("utf-8", "surrogateescape")


def finding_key(stage: bytes, state: bytes, wanted: str = "") -> bytes:
    """Return the address of a finding.

    Args:
        stage: From `identity_key`.
        state: From `image_state`.
        wanted: What else decides the finding: which fields of the record were wanted.
    """
    return sha256(stage + state + wanted.encode()).digest()[:16]


class FoundFile:
    """A file of findings; each `put` is on the disk, whole, when it returns.

    Raises:
        EmovitError: the file cannot be written, or is none of this program's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            # A kill of this process loses nothing; after a power cut the last batches may have to be done again.
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(_SCHEMA)
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def __enter__(self) -> FoundFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def get(self, key: bytes) -> Finding | None:
        """Return what was found; None where nobody looked."""
        row = self._connection.execute("SELECT finding FROM found WHERE key = ?", (key,)).fetchone()
        return None if row is None else orjson.loads(row[0])

    def put(self, findings: Iterable[tuple[bytes, Finding]]) -> None:
        """Keep findings, all or none.

        Raises:
            EmovitError: the disk is full, or the file has gone.
        """
        rows = [(key, orjson.dumps(finding)) for key, finding in findings]
        try:
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT OR REPLACE INTO found VALUES (?, ?)", rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def _explained(self, error: sqlite3.Error) -> EmovitError:
        return EmovitError(
            f"cannot be written: {error}",
            where=self.path,
            remedy="Free some space, then run the same command again: what is in it is kept. If the file itself is "
            "damaged, remove it.",
        )
