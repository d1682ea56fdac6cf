"""What is measured while a model trains: a line of JSON for each step, and the same for TensorBoard where asked for.

metrics.jsonl   loss, learning rate and what else a step came to; the held-out loss after it, where it was measured
answers.jsonl   what the model said to the sample questions, by step
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from emogen.atomic import write_text
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
        steps: Where the steps' lines go.
        answers: Where the answers' lines go.
        board: A `tensorboardX.SummaryWriter`, or None.
    """

    def __init__(self, steps: Any, answers: Any, board: Any) -> None:
        self._steps = steps
        self._answers = answers
        self._board = board

    def step(self, entry: Mapping[str, Any]) -> None:
        """Write down what a step came to."""
        _write(self._steps, entry)
        if self._board:
            for name, tag in SCALARS.items():
                if name in entry:
                    self._board.add_scalar(tag, entry[name], entry["step"])

    def answers(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Write down what the model said."""
        for entry in entries:
            _write(self._answers, entry)
            if self._board:
                text = f"**{entry['question']}**\n\n{entry['answer']}"
                self._board.add_text(f"answer/{entry['image']}", text, entry["step"])


def _write(file: Any, entry: Mapping[str, Any]) -> None:
    try:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        file.flush()
    except OSError as error:
        raise EmovitError(
            f"cannot be written: {error.strerror}",
            where=file.name,
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
        files: list[Any] = []
        for name in (METRICS, ANSWERS):
            kept = [line for line in read_metrics(folder / name) if line["step"] <= after]
            write_text(folder / name, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept))
            files.append(stack.enter_context((folder / name).open("a", encoding="utf-8")))
        yield Metrics(files[0], files[1], board)


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
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    entries = []
    for line in lines:
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return entries
