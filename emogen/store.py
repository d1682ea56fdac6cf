"""The run folder: `samples.jsonl`, `rejections.jsonl` and the manifest `run.json`.

Rows are appended as they come and flushed one by one, so that a stopped run keeps all that it made; running the
same command again skips what is there.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import jsonlines
import orjson
from pydantic import ValidationError

from emogen.errors import InputError, shorten
from emogen.schemas import Rejection, Sample

__all__ = [
    "MANIFEST",
    "REJECTIONS",
    "SAMPLES",
    "RunFolder",
    "read_manifest",
    "read_rejections",
    "read_samples",
]

SAMPLES: Final = "samples.jsonl"
REJECTIONS: Final = "rejections.jsonl"
MANIFEST: Final = "run.json"

# What must be the same for two runs to share a folder.
IDENTITY: Final = ("backend", "model", "parameters", "templates", "seeds", "examples", "seed", "labels")


class RunFolder:
    """An open run folder; use it as a context manager.

    Args:
        path: The folder; made where it does not exist.
        manifest: What the run is about; compared with a manifest that is already there.
        overwrite: Start anew instead of resuming.

    Raises:
        InputError: the folder cannot be written, or holds a run with other settings.
    """

    def __init__(self, path: Path, manifest: dict[str, Any], *, overwrite: bool = False) -> None:
        self.path = path
        self.manifest = manifest
        self.kept: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.done: set[tuple[str, str]] = set()
        try:
            path.mkdir(parents=True, exist_ok=True)
            if overwrite:
                for name in (SAMPLES, REJECTIONS, MANIFEST):
                    (path / name).unlink(missing_ok=True)
            else:
                self._resume()
            self._samples = (path / SAMPLES).open("ab")
            self._rejections = (path / REJECTIONS).open("ab")
        except OSError as error:
            raise _unwritable(path, error) from error
        self._sample_rows = jsonlines.Writer(self._samples, dumps=orjson.dumps)
        self._rejection_rows = jsonlines.Writer(self._rejections, dumps=orjson.dumps)
        self.write_manifest("running")

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.write_manifest("complete" if kind is None else "stopped")
        for rows, file in ((self._sample_rows, self._samples), (self._rejection_rows, self._rejections)):
            rows.close()
            file.close()

    def _resume(self) -> None:
        before = read_manifest(self.path)
        if before is None:
            if any((self.path / name).exists() for name in (SAMPLES, REJECTIONS)):
                raise InputError(
                    "holds samples but no run.json",
                    where=self.path,
                    remedy="Name another --out, or use --overwrite.",
                )
            return
        for key in IDENTITY:
            if before.get(key) != self.manifest.get(key):
                raise InputError(
                    f"holds a run with another {key} "
                    f"({shorten(before.get(key))}, now {shorten(self.manifest.get(key))})",
                    where=self.path,
                    remedy="Name another --out, or use --overwrite.",
                )
        self.manifest["created"] = before.get("created", self.manifest.get("created"))
        for name in (SAMPLES, REJECTIONS):
            _drop_torn_line(self.path / name)
        for sample in read_samples(self.path):
            self._count(sample)
        self._drop_failed_requests()

    def _drop_failed_requests(self) -> None:
        """Forget rejections of requests that never got an answer: they are asked again."""
        rejections = list(read_rejections(self.path))
        answered = [rejection for rejection in rejections if rejection.stage != "backend"]
        for rejection in answered:
            self._count(rejection)
        if len(answered) < len(rejections):
            replacement = self.path / f"{REJECTIONS}.new"
            replacement.write_bytes(b"".join(orjson.dumps(row.model_dump()) + b"\n" for row in answered))
            replacement.replace(self.path / REJECTIONS)

    def add(self, outcome: Sample | Rejection) -> None:
        """Append one row and flush it.

        Raises:
            InputError: the disk is full or the folder has gone; what was written before stays.
        """
        rows, file = (
            (self._sample_rows, self._samples)
            if isinstance(outcome, Sample)
            else (self._rejection_rows, self._rejections)
        )
        try:
            rows.write(outcome.model_dump(mode="json"))
            file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self._count(outcome)

    def _count(self, outcome: Sample | Rejection) -> None:
        if isinstance(outcome, Sample):
            self.kept[outcome.instruction] += 1
            self.done.add((outcome.record.id, outcome.instruction))
        else:
            self.rejected[outcome.reason] += 1
            self.done.add((outcome.record_id, outcome.instruction))

    def write_manifest(self, state: str) -> None:
        """Write `run.json` in one piece, with the counts so far."""
        counts = {"kept": dict(sorted(self.kept.items())), "rejected": dict(sorted(self.rejected.items()))}
        text = orjson.dumps({**self.manifest, "state": state, "counts": counts}, option=orjson.OPT_INDENT_2)
        temporary = self.path / f"{MANIFEST}.new"
        try:
            temporary.write_bytes(text + b"\n")
            temporary.replace(self.path / MANIFEST)
        except OSError as error:
            raise _unwritable(self.path, error) from error


def read_manifest(run: Path) -> dict[str, Any] | None:
    """Return the manifest of a run folder, or None where there is none.

    Raises:
        InputError: it is there and cannot be read.
    """
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
    yield from _read_rows(path, Sample)


def read_rejections(run: Path) -> Iterator[Rejection]:
    """Read the rejections of a run folder one by one; none where there is no such file."""
    path = run / REJECTIONS
    if path.is_file():
        yield from _read_rows(path, Rejection)


def _read_rows(path: Path, model: Any) -> Iterator[Any]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield model.model_validate_json(line)
            except ValidationError as error:
                first = error.errors()[0]
                field = ".".join(map(str, first["loc"])) or "line"
                raise InputError(
                    f"{field}: {shorten(first['msg'])}",
                    where=f"{path}:{number}",
                    remedy="Mend or remove this line.",
                ) from error


def _drop_torn_line(path: Path) -> None:
    """Cut off a last line without its newline: the process that wrote it was killed."""
    if not path.is_file():
        return
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return
        file.seek(0)
        file.truncate(_end_of_last_line(file, size))


def _end_of_last_line(file: IO[bytes], size: int) -> int:
    end = size
    while end > 0:
        begin = max(0, end - 65536)
        file.seek(begin)
        newline = file.read(end - begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"cannot be written: {error.strerror or error}",
        where=path,
        remedy="Name a folder that you may write to.",
    )
