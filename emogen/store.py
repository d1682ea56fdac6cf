"""The run folder: `samples.jsonl`, `rejections.jsonl` and the manifest `run.json`, beside `journal.sqlite` and,
where batches were submitted, `batches.sqlite`, and, where people looked at it, `reviews.jsonl`.

Rows are appended one by one and nothing is held back, so that a stopped run keeps all that it made; running the
same command again skips what is there. One process at a time: an open folder is locked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple

import orjson

from emogen.atomic import write_bytes
from emogen.errors import InputError
from emogen.journal import Journal
from emogen.last_line import mend_last_line
from emogen.lock import locked
from emogen.row_file import Rows, holds_rows, line_of, rows_of
from emogen.run_identity import PER_TYPE, compared
from emogen.schemas import ImageRecord, Rejection, Sample
from emogen.sight import UNREADABLE_IMAGE
from emogen.storage import refuse_address

__all__ = [
    "BATCHES",
    "JOURNAL",
    "MANIFEST",
    "REJECTIONS",
    "RUN",
    "SAMPLES",
    "MadeRow",
    "RunFolder",
    "done_in",
    "made_of",
    "read_manifest",
    "read_rejections",
    "read_samples",
    "rewrite",
]

SAMPLES: Final = "samples.jsonl"
REJECTIONS: Final = "rejections.jsonl"
MANIFEST: Final = "run.json"
JOURNAL: Final = "journal.sqlite"
BATCHES: Final = "batches.sqlite"
# What an address is refused for: the journal is an SQLite file.
RUN: Final = "The run folder, with its journal,"


class MadeRow(NamedTuple):
    """A row on its way into a run folder.

    Attributes:
        record_id: Of its record.
        instruction: Its instruction type.
        reason: Why it was rejected; None of a sample.
        line: The row as its file has it.
    """

    record_id: str
    instruction: str
    reason: str | None
    line: bytes


def made_of(outcome: Sample | Rejection) -> MadeRow:
    """Return an outcome as a row."""
    if isinstance(outcome, Sample):
        return MadeRow(outcome.record.id, outcome.instruction, None, line_of(outcome))
    return MadeRow(outcome.record_id, outcome.instruction, outcome.reason, line_of(outcome))


class RunFolder:
    """An open run folder; use it as a context manager.

    Args:
        path: The folder; made where it does not exist.
        manifest: What the run is about; compared with a manifest that is already there.
        overwrite: Start anew instead of resuming.

    Attributes:
        ends_as: The state in the manifest once the block ends without an exception.

    Raises:
        InputError: the folder cannot be written, holds a run with other settings, or is open in another process.
    """

    def __init__(self, path: Path, manifest: dict[str, Any], *, overwrite: bool = False) -> None:
        self.path = path
        self.manifest = manifest
        self.kept: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.done: set[tuple[str, str]] = set()
        self.ends_as = "complete"
        self._seen: dict[str, bytes] = {}
        refuse_address(path, RUN)
        try:
            with ExitStack() as opened:
                path.mkdir(parents=True, exist_ok=True)
                opened.enter_context(locked(path))
                if overwrite:
                    for name in (SAMPLES, REJECTIONS, MANIFEST):
                        (path / name).unlink(missing_ok=True)
                    self.manifest["answers_before"] = _answers_in(path / JOURNAL)
                else:
                    self._resume()
                self._samples = opened.enter_context(Rows(path / SAMPLES))
                self._rejections = opened.enter_context(Rows(path / REJECTIONS))
                self._write_manifest("running")
                self._opened = opened.pop_all()
        except OSError as error:
            raise _unwritable(path, error) from error

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._opened:
            try:
                self._write_manifest(self.ends_as if kind is None else "stopped")
            except InputError:
                # On a full disk the error that ended the block says it already.
                if kind is None:
                    raise

    def _resume(self) -> None:
        for name in (SAMPLES, REJECTIONS):
            mend_last_line(self.path / name)
        before = read_manifest(self.path)
        self.manifest["answers_before"] = (before or {}).get("answers_before", 0)
        if not _is_begun(self.path):
            return
        self._join(compared(self.path, before, self.manifest))
        for sample in rows_of(self.path / SAMPLES, Sample):
            self._count(sample)
            self.done.add((sample.record.id, sample.instruction))
            self._seen[sample.record.id] = _digest(sample.record)
        self._drop_failed_requests()

    def _join(self, before: dict[str, Any]) -> None:
        """Let the manifest speak for the rows that are there, too."""
        self.manifest["created"] = before.get("created", self.manifest.get("created"))
        self.manifest["types"] = list(
            dict.fromkeys([*before.get("types", []), *self.manifest.get("types", [])])
        )
        if "dedup" in before:
            self.manifest["dedup"] = before["dedup"]
        for key in (*PER_TYPE, "seed_examples"):
            self.manifest[key] = {**(before.get(key) or {}), **(self.manifest.get(key) or {})}
        was, now = before.get("settings"), self.manifest.get("settings")
        if was and now:
            limits = [was["limit"], now["limit"]]
            both = {"types": self.manifest["types"], "limit": None if None in limits else max(limits)}
            self.manifest["settings"] = {**now, **both}

    def _drop_failed_requests(self) -> None:
        """Forget rejections of requests that never got an answer, or were never sent: they are asked again."""
        rejections = list(read_rejections(self.path))
        answered = [rejection for rejection in rejections if not _unasked(rejection)]
        for rejection in answered:
            self._count(rejection)
            self.done.add((rejection.record_id, rejection.instruction))
        if len(answered) < len(rejections):
            lines = b"".join(orjson.dumps(row.model_dump()) + b"\n" for row in answered)
            write_bytes(self.path / REJECTIONS, lines)

    def unchanged(self, records: Iterable[ImageRecord]) -> Iterator[ImageRecord]:
        """Yield the records, and stop at one that says something else than the samples made of it before.

        Raises:
            InputError: naming the record.
        """
        for record in records:
            if record.id in self._seen and self._seen[record.id] != _digest(record):
                raise InputError(
                    f"record {record.id!r} has changed since samples were made of it",
                    where=self.path,
                    remedy="Use --overwrite (known answers are not paid again), or name another --out.",
                )
            yield record

    def add(self, outcome: Sample | Rejection) -> None:
        """Append one row; it has left the process when this returns.

        Raises:
            InputError: the disk is full or the folder has gone; what was written before stays.
        """
        self._append(made_of(outcome))

    def add_once(self, row: MadeRow) -> bool:
        """Append one row, as `add`, unless it is there already; return whether it was appended."""
        key = row.record_id, row.instruction
        if key in self.done:
            return False
        self._append(row)
        self.done.add(key)
        return True

    def _append(self, row: MadeRow) -> None:
        try:
            (self._samples if row.reason is None else self._rejections).add_line(row.line)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        if row.reason is None:
            self.kept[row.instruction] += 1
        else:
            self.rejected[row.reason] += 1

    def _count(self, outcome: Sample | Rejection) -> None:
        if isinstance(outcome, Sample):
            self.kept[outcome.instruction] += 1
        else:
            self.rejected[outcome.reason] += 1

    def _write_manifest(self, state: str) -> None:
        """Write `run.json` in one piece, with the counts so far."""
        counts = {"kept": dict(sorted(self.kept.items())), "rejected": dict(sorted(self.rejected.items()))}
        text = orjson.dumps({**self.manifest, "state": state, "counts": counts}, option=orjson.OPT_INDENT_2)
        write_bytes(self.path / MANIFEST, text + b"\n")


def done_in(run: Path, manifest: dict[str, Any]) -> set[tuple[str, str]]:
    """Return record id and instruction type of the rows that a run would find in its folder, and not make again.

    Nothing is locked or mended: a last row that is not whole is passed over.

    Raises:
        InputError: the folder holds a run with other settings.
    """
    if not _is_begun(run):
        return set()
    compared(run, read_manifest(run), manifest)
    samples = rows_of(run / SAMPLES, Sample, torn=True)
    rejections = rows_of(run / REJECTIONS, Rejection, torn=True)
    return {(sample.record.id, sample.instruction) for sample in samples} | {
        (rejection.record_id, rejection.instruction) for rejection in rejections if not _unasked(rejection)
    }


def _is_begun(run: Path) -> bool:
    return any(holds_rows(run / name) for name in (SAMPLES, REJECTIONS, BATCHES))


def _answers_in(journal: Path) -> int:
    """Return the position of a journal's last answer: what comes later was asked by the run that begins now."""
    if not journal.is_file():
        return 0
    with Journal(journal) as opened:
        return opened.last_position()


def _unasked(rejection: Rejection) -> bool:
    # What a record says is compared with what it said before; an image is mended without a word.
    return rejection.stage == "backend" or rejection.reason == UNREADABLE_IMAGE


def rewrite(
    run: Path,
    outcomes: Iterable[Sample | Rejection],
    *,
    dedup: dict[str, Any] | None = None,
    checks: dict[str, Any] | None = None,
) -> tuple[Counter[str], Counter[str]]:
    """Replace the rows of a run folder in one piece, and return the new counts of kept and rejected.

    Args:
        run: The run folder.
        outcomes: The new rows; the folder is locked while they are made.
        dedup: For the manifest: how near-duplicates were found among them; None where they were not looked for.
        checks: For the manifest: what the new rows were checked by; None where that did not change.

    Raises:
        InputError: there is no run, it is open in another process, or it cannot be written.
    """
    manifest = read_manifest(run)
    if manifest is None:
        raise InputError("is no run folder", where=run, remedy="Name one that `emogen generate` made.")
    kept: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    # In this order a crash between the two leaves a row twice rather than nowhere.
    new = {name: run / f"{name}.new" for name in (REJECTIONS, SAMPLES)}
    try:
        with ExitStack() as opened:
            opened.enter_context(locked(run))
            for name, path in new.items():
                path.unlink(missing_ok=True)
                mend_last_line(run / name)
            rows = {name: opened.enter_context(Rows(path)) for name, path in new.items()}
            for outcome in outcomes:
                if isinstance(outcome, Sample):
                    kept[outcome.instruction] += 1
                    rows[SAMPLES].add(outcome)
                else:
                    rejected[outcome.reason] += 1
                    rows[REJECTIONS].add(outcome)
            for name, path in new.items():
                path.replace(run / name)
            manifest["counts"] = {
                "kept": dict(sorted(kept.items())),
                "rejected": dict(sorted(rejected.items())),
            }
            manifest.pop("dedup", None)
            if dedup is not None:
                manifest["dedup"] = dedup
            if checks is not None and "settings" in manifest:
                manifest["settings"]["checks"] = checks
            write_bytes(run / MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise _unwritable(run, error) from error
    finally:
        for path in new.values():
            path.unlink(missing_ok=True)
    return kept, rejected


def read_manifest(run: Path) -> dict[str, Any] | None:
    """Return the manifest of a run folder, or None where there is none.

    Raises:
        InputError: it is there and cannot be read.
    """
    refuse_address(run, RUN)
    path = run / MANIFEST
    try:
        manifest = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, orjson.JSONDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=path, remedy="Name another folder.") from error
    if not isinstance(manifest, dict):
        raise InputError("is not a manifest", where=path, remedy="Name another folder.")
    return manifest


def read_samples(run: Path) -> Iterator[Sample]:
    """Read the samples of a run folder (or of a samples file) one by one.

    Raises:
        InputError: there are none, or a line is broken; names the file and the line.
    """
    path = run / SAMPLES if run.is_dir() or not run.suffix else run
    if not path.is_file():
        raise InputError("no samples there", where=path, remedy="Make them with `emogen generate`.")
    yield from rows_of(path, Sample)


def read_rejections(run: Path) -> Iterator[Rejection]:
    """Read the rejections of a run folder one by one; none where there is no such file.

    Raises:
        InputError: a line is broken; names the file and the line.
    """
    yield from rows_of(run / REJECTIONS, Rejection)


def _digest(record: ImageRecord) -> bytes:
    return sha256(record.model_dump_json().encode()).digest()


def _unwritable(path: Path, error: OSError) -> InputError:
    if isinstance(error, FileExistsError):
        return InputError("is a file, and not a run folder", where=path, remedy="Name another --out.")
    return InputError(
        f"cannot be written: {error.strerror or error}",
        where=path,
        remedy="Name a folder that you may write to, on a disk with room.",
    )
