"""What is measured while a model trains: a line of JSON for each step, and the same for TensorBoard where asked for.

metrics.jsonl   loss, learning rate and what else a step came to; the held-out loss after it, where it was measured
answers.jsonl   what the model said to the sample questions, by step
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import jsonlines

from emogen.atomic import replacing
from emogen.errors import EmovitError
from emogen.registry import require

__all__ = ["ANSWERS", "METRICS", "Metrics", "open_metrics", "read_metrics"]

METRICS: Final = "metrics.jsonl"
ANSWERS: Final = "answers.jsonl"
TENSORBOARD: Final = "tensorboard"
# Name in a line → name in TensorBoard.
SCALARS: Final = {
    "loss": "loss/training",
    "held_out_loss": "loss/held out",
    "lr": "learning rate",
    "gradient_norm": "gradient norm",
}


class Metrics:
    """Writes as it is told; every line is handed to the system at once, so that it can be watched.

    Args:
        folder: Where the two files are.
        lines: Name of a file → its writer.
        board: A `tensorboardX.SummaryWriter`, or None.
    """

    def __init__(self, folder: Path, lines: Mapping[str, jsonlines.Writer], board: Any) -> None:
        self._folder = folder
        self._lines = lines
        self._board = board

    def step(self, entry: Mapping[str, Any]) -> None:
        """Write down what a step came to."""
        self._write(METRICS, entry)
        if self._board:
            for name, tag in SCALARS.items():
                if name in entry:
                    self._board.add_scalar(tag, entry[name], entry["step"])

    def answers(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Write down what the model said."""
        for entry in entries:
            self._write(ANSWERS, entry)
            if self._board:
                text = f"**{entry['question']}**\n\n{entry['answer']}"
                self._board.add_text(f"answer/{entry['image']}", text, entry["step"])

    def _write(self, name: str, entry: Mapping[str, Any]) -> None:
        try:
            self._lines[name].write(entry)
        except OSError as error:
            raise EmovitError(
                f"cannot be written: {error.strerror}",
                where=self._folder / name,
                remedy="Make room on the disk, and give the same command again: it goes on from the last saved step.",
            ) from error


@contextmanager
def open_metrics(folder: Path, after: int, *, tensorboard: bool) -> Iterator[Metrics]:
    """Open the files for a run that goes on after a step, 0 for one that begins; later lines are left out.

    Raises:
        MissingExtraError: TensorBoard is asked for, and tensorboardX is not installed.
    """
    with ExitStack() as stack:
        board = stack.enter_context(_board(folder / TENSORBOARD, after)) if tensorboard else None
        lines = {}
        for name in (METRICS, ANSWERS):
            with replacing(folder / name) as file, jsonlines.Writer(file) as rows:
                rows.write_all(line for line in read_metrics(folder / name) if line["step"] <= after)
            lines[name] = stack.enter_context(jsonlines.open(folder / name, "a", flush=True))
        yield Metrics(folder, lines, board)


@contextmanager
def _board(folder: Path, after: int) -> Iterator[Any]:
    writers = require("tensorboardX", extra="tensorboard", purpose="--tensorboard")
    if not after:
        shutil.rmtree(folder, ignore_errors=True)
    board = writers.SummaryWriter(str(folder), purge_step=after + 1)
    try:
        yield board
    finally:
        board.close()


def read_metrics(file: Path) -> list[dict[str, Any]]:
    """Return the lines of a file of metrics; none where there is no file. A last line that was cut off is left out."""
    entries: list[dict[str, Any]] = []
    if file.exists():
        with jsonlines.open(file) as lines, suppress(jsonlines.InvalidLineError):
            entries.extend(lines)
    return entries
