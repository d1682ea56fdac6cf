"""How pictures look, kept by the bytes of their files: decoding takes nearly all of the time, and is done once.

A file of SQLite in `$EMOVIT_CACHE`, else in `$XDG_CACHE_HOME/emovit`, else in `~/.cache/emovit`; it may be deleted at
any time. Where it cannot be read or written, all is computed, and that is said.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from emogen.terminal import note

__all__ = ["LookCache", "cache_file", "look_cache"]

CACHE: Final = "EMOVIT_CACHE"
# Another way of hashing, or of decoding before it, needs another name.
_FILE: Final = "looks-phash64.sqlite"
_WRITTEN_AT_ONCE: Final = 500
_SIGNED: Final = 2**63


def cache_file() -> Path:
    """Return where looks are kept."""
    named = os.environ.get(CACHE)
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(named or f"{base}/emovit").expanduser() / _FILE


class LookCache:
    """SHA-256 of a file → its 64 bits, or None for a picture that has nothing to compare.

    Args:
        known: A connection; None keeps nothing.
    """

    def __init__(self, known: sqlite3.Connection | None) -> None:
        self._known = known
        # Not every build of SQLite lets threads share a connection.
        self._alone = Lock()
        self._new: dict[str, int | None] = {}

    def get(self, sha256: str) -> tuple[int | None] | None:
        """Return the look, in a tuple of one; None where it is not known. Any thread may ask."""
        known = self._known
        if known is None:
            return None
        with self._alone:
            row = known.execute("SELECT look FROM looks WHERE sha256 = ?", (sha256,)).fetchone()
        return None if row is None else (None if row[0] is None else row[0] + _SIGNED,)

    def put(self, sha256: str, look: int | None) -> None:
        """Keep a look; from the thread that opened the cache."""
        self._new[sha256] = look
        if len(self._new) >= _WRITTEN_AT_ONCE:
            self.write()

    def write(self) -> None:
        """Write what is new; where that fails, no more is kept."""
        rows = [(name, None if look is None else look - _SIGNED) for name, look in self._new.items()]
        self._new = {}
        if self._known is None or not rows:
            return
        try:
            with self._alone, self._known:
                self._known.executemany("INSERT OR IGNORE INTO looks VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            note(f"{cache_file()} cannot be written ({error}): these pictures are hashed again next time")
            self._known = None


@contextmanager
def look_cache() -> Iterator[LookCache]:
    """Open the cache, and write what is new of it at the end, whatever ends the work."""
    connection = _opened(cache_file())
    cache = LookCache(connection)
    try:
        yield cache
    finally:
        cache.write()
        if connection is not None:
            connection.close()


def _opened(file: Path) -> sqlite3.Connection | None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(file, check_same_thread=False, timeout=30)
        with connection:
            connection.execute("CREATE TABLE IF NOT EXISTS looks (sha256 TEXT PRIMARY KEY, look INTEGER)")
            connection.execute("SELECT sha256, look FROM looks LIMIT 1")
    except (OSError, sqlite3.Error) as error:
        note(f"{file} cannot be used ({error}): no look of a picture is kept")
        return None
    return connection
