"""The real commands, one after the other; what is finished is not repeated when the same command runs again."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import typer

from emogen.atomic import write_text
from emogen.errors import CheckFailedError

__all__ = ["Step", "run_all"]


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        name: What it is called in the records of finished steps.
        command: Program and arguments; the program lies beside this interpreter.
        makes: What is there when it is finished.
        work: How long it takes beside other steps of the same program, in any unit: rows times epochs, drawings.
    """

    name: str
    command: tuple[str, ...]
    makes: Path
    work: float

    @property
    def kind(self) -> str:
        """Steps of the same kind take time in proportion to their work."""
        return " ".join(self.command[:2])


def run_all(steps: list[Step], out: Path) -> None:
    """Run the steps in order, and tell how much is left after each.

    Args:
        steps: The steps.
        out: Folder that keeps, in `steps/`, which command finished in how many seconds.

    Raises:
        CheckFailedError: a command failed; it has said why. The same call goes on from there.
        KeyboardInterrupt: Ctrl-C; the same.
    """
    for number, step in enumerate(steps, 1):
        if _seconds(step, out) is None:
            left = _left(steps[number - 1 :], steps, out)
            typer.echo(f"\n[{number}/{len(steps)}{left}] {step.name}\n$ {shlex.join(step.command)}")
            _run(step, out)


def _run(step: Step, out: Path) -> None:
    program, *arguments = step.command
    begin = time.monotonic()
    done = subprocess.run([str(Path(sys.executable).with_name(program)), *arguments], check=False)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        raise CheckFailedError(f"{step.name}: {shlex.join(step.command)} ended with {done.returncode}")
    finished = {"command": step.command, "seconds": round(time.monotonic() - begin, 1)}
    record = _record(step, out)
    record.parent.mkdir(parents=True, exist_ok=True)
    write_text(record, json.dumps(finished) + "\n")


def _record(step: Step, out: Path) -> Path:
    return out / "steps" / f"{step.name}.json"


def _seconds(step: Step, out: Path) -> float | None:
    """Return how long the step took, if this very command is finished and what it made is still there."""
    record = _record(step, out)
    if not record.is_file() or not step.makes.exists():
        return None
    finished = json.loads(record.read_text("utf-8"))
    return float(finished["seconds"]) if finished["command"] == list(step.command) else None


def _left(waiting: list[Step], steps: list[Step], out: Path) -> str:
    """Return the time left as text, once a step of each kind that waits is finished."""
    rates: dict[str, list[float]] = {}
    for step in steps:
        if (seconds := _seconds(step, out)) is not None:
            rates.setdefault(step.kind, []).append(seconds / step.work)
    if any(step.kind not in rates for step in waiting):
        return ""
    seconds = sum(step.work * sum(rates[step.kind]) / len(rates[step.kind]) for step in waiting)
    return f", about {seconds / 60:.0f} minutes left"
