"""Predictions on disk while they are made: one file, in which each finished one stays, whatever ends the program.

predictions.jsonl   a row per image and instruction, added as soon as it is known
predictor.json      who was asked, so that nobody else's answers are added
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from emogen.atomic import writable_folder, write_bytes, write_text
from emogen.errors import InputError, shorten
from emogen.lock import locked
from emovit_train.evaluation.predictions import Prediction, read_predictions

__all__ = ["PREDICTIONS", "PREDICTOR", "PredictionFile", "key_of", "open_predictions"]

PREDICTIONS: Final = "predictions.jsonl"
PREDICTOR: Final = "predictor.json"

Key = tuple[str, int | None, str]
_ELSEWHERE: Final = "Name another --out, or replace them with --overwrite."


class PredictionFile:
    """The rows of one folder.

    Attributes:
        known: (instruction, order of the options, item) → row, of all that the folder holds.
    """

    def __init__(self, path: Path, file: BinaryIO, known: dict[Key, Prediction]) -> None:
        self._path = path
        self._file = file
        self.known = known

    def add(self, row: Prediction) -> None:
        """Add a row; it is in the file, whole, when this returns."""
        # A single unbuffered write: a kill finds the line there or not there.
        self._file.write(_line(row))
        self.known[key_of(row)] = row

    def put_in_order(self, rows: Sequence[Prediction]) -> None:
        """Write the file anew: `rows` as given, then what else is known.

        Raises:
            InputError: the disk is full.
        """
        first = {key_of(row): row for row in rows}
        rest = (row for key, row in self.known.items() if key not in first)
        write_bytes(self._path, b"".join(map(_line, (*first.values(), *rest))))


@contextmanager
def open_predictions(
    folder: Path, identity: Mapping[str, Any], instructions: Mapping[str, Any], *, overwrite: bool = False
) -> Iterator[PredictionFile]:
    """Open the predictions of a folder, for one process at a time.

    Args:
        folder: It is made where it does not exist.
        identity: Who is asked about which data set, as JSON.
        instructions: Name → what is asked, as JSON; those of earlier calls stay.
        overwrite: Throw away what is there.

    Raises:
        InputError: the folder holds another predictor's answers, or those to another text of an instruction; it is in
            use, or cannot be written.
    """
    writable_folder(folder)
    path, told = folder / PREDICTIONS, folder / PREDICTOR
    with locked(folder, "folder of predictions"):
        if overwrite:
            path.unlink(missing_ok=True)
            told.unlink(missing_ok=True)
        before = _told(folder)
        if before is not None:
            _check_same(folder, "predictor", before["predictor"], identity)
            for name in before["instructions"].keys() & instructions.keys():
                same = [{"the text": each[name]} for each in (before["instructions"], instructions)]
                _check_same(folder, f"instruction {name}", *same)
        known = _known(path)
        asked = {**before["instructions"], **instructions} if before else dict(instructions)
        write_text(told, json.dumps({"predictor": dict(identity), "instructions": asked}, indent=2) + "\n")
        with path.open("ab", buffering=0) as file:
            try:
                yield PredictionFile(path, file, known)
            finally:
                os.fsync(file.fileno())


def key_of(row: Prediction) -> Key:
    """Return what tells a row from the others of its folder."""
    return row.instruction, row.order, row.item_id


def _line(row: Prediction) -> bytes:
    return row.model_dump_json().encode() + b"\n"


def _known(path: Path) -> dict[Key, Prediction]:
    """Return what a file holds, after cutting off a last line that a power failure left unfinished."""
    if not path.is_file():
        return {}
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        os.truncate(path, len(whole))
    rows = read_predictions(path) if whole.strip() else []
    return {key_of(row): row for row in rows}


def _told(folder: Path) -> dict[str, Any] | None:
    """Return what predictor.json says; None in a folder without predictions."""
    file = folder / PREDICTOR
    try:
        value = json.loads(file.read_text("utf-8"))
        return {name: dict(value[name]) for name in ("predictor", "instructions")}
    except FileNotFoundError:
        if not (folder / PREDICTIONS).is_file():
            return None
        what = f"these predictions do not say whose they are: there is no {PREDICTOR}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{PREDICTOR} cannot be read: {shorten(error)}"
    raise InputError(what, where=folder, remedy=_ELSEWHERE)


def _check_same(folder: Path, what: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    now = json.loads(json.dumps(now))
    names = [name for name in dict.fromkeys((*now, *before)) if now.get(name) != before.get(name)]
    if names:
        differing = "; ".join(
            f"{name} was {shorten(before.get(name), 40)} and is {shorten(now.get(name), 40)}"
            for name in names
        )
        raise InputError(f"holds the answers of another {what}: {differing}", where=folder, remedy=_ELSEWHERE)
