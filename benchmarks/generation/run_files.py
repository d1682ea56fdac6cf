"""What a run left on disk: the rows of its samples, and the answers that its journal had committed."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson

__all__ = ["JOURNAL", "Committed", "committed", "rejection_reasons", "sample_counts"]

JOURNAL: Final = "journal.sqlite"
# A journal's key → the record and instruction that it is about, and the hash of the answer.
Committed = dict[bytes, tuple[str, str, bytes]]


def sample_counts(folder: Path) -> Counter[str]:
    """Return how often each `<record>/<instruction>` is in `samples.jsonl`; a torn last line does not count."""
    counts: Counter[str] = Counter()
    for row in _rows(folder / "samples.jsonl"):
        counts[f"{row['record']['id']}/{row['instruction']}"] += 1
    return counts


def rejection_reasons(folder: Path) -> Counter[str]:
    """Return how often each reason is in `rejections.jsonl`."""
    return Counter(row["reason"] for row in _rows(folder / "rejections.jsonl"))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield orjson.loads(line)


def committed(folder: Path) -> Committed:
    """Return what the journal of a run that is not running has committed; nothing where there is no journal yet.

    A copy is opened: opening mends a journal after a crash, and that is left to whoever resumes the run.
    """
    if not (folder / JOURNAL).exists():
        return {}
    with TemporaryDirectory(dir=folder.parent) as place:
        for suffix in ("", "-wal"):
            source = folder / f"{JOURNAL}{suffix}"
            if source.exists():
                shutil.copy(source, Path(place) / source.name)
        with closing(sqlite3.connect(Path(place) / JOURNAL)) as journal:
            if not journal.execute("SELECT 1 FROM sqlite_master WHERE name = 'answers'").fetchone():
                return {}
            rows = journal.execute("SELECT key, record_id, instruction, body FROM answers")
            return {bytes(key): (name, kind, hashlib.sha256(body).digest()) for key, name, kind, body in rows}
