"""What both programs show: errors as one line, progress as a bar on a terminal and as lines elsewhere."""

from __future__ import annotations

import io
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, NoReturn, Protocol

import typer

from emogen.errors import EmovitError

__all__ = [
    "Advance",
    "AsJson",
    "Version",
    "note",
    "notes_to",
    "progress",
    "run_app",
    "say",
    "show_counts",
    "show_json",
    "show_remarks",
    "shown",
]

PLAIN_INTERVAL_S = 5.0
INTERRUPTED = 130
# Control characters but for the line's end and the tab, and the marks that turn the reading direction.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Whether a command was given --json, so that its stdout is for that alone.
_only_json = False


class Advance(Protocol):
    """Report that `step` more units are done; `note` is a short state such as `loss 1.23`."""

    def __call__(self, step: int = 1, *, note: str = "") -> None: ...  # noqa: D102 - the class says it


def run_app(app: typer.Typer) -> NoReturn:
    """Run a command line: our errors become one line and their exit code, a bug keeps its traceback.

    Exit codes: 0 done; 1 the result is not good; 2 unusable input; 3 a package is missing; 4 the language
    model cannot be asked; 5 not finished yet; 130 interrupted, with what the `KeyboardInterrupt` says. When `| head`
    has seen enough, the end is quiet.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter must not end the work.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        # Run as a module, it is called the same: messages and shells' completion know the program by its name.
        app(prog_name=app.info.name)
    except EmovitError as error:
        say(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            # typer has made an exit of the interrupt.
            say(_said_by(ended.__context__ and ended.__context__.__cause__), err=True)
        raise
    except KeyboardInterrupt as interrupt:
        say(_said_by(interrupt), err=True)
        sys.exit(INTERRUPTED)
    sys.exit(0)


def _said_by(interrupt: BaseException | None) -> str:
    return str(interrupt or "") or "interrupted"


def _show_version(wanted: bool) -> None:
    """Print the version and end, where `--version` was given."""
    if wanted:
        say(f"emovit-toolkit {version('emovit-toolkit')}")
        raise typer.Exit


# The option of a whole program, which is given before any command.
Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
]


def _keep_stdout(ctx: typer.Context, wanted: bool) -> bool:
    """Send to stderr all that is said until the command ends, where `--json` was given."""

    def set_to(value: bool) -> None:
        global _only_json
        _only_json = value

    if wanted:
        set_to(True)
        ctx.call_on_close(lambda: set_to(False))
    return wanted


# The option of every command that reports something; its command calls `show_json` once.
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", callback=_keep_stdout, help="Print one JSON object on stdout, and all else on stderr."
    ),
]


def shown(text: str) -> str:
    """Return text with the characters that steer a terminal, or turn its reading direction, written as escapes.

    What records and answers hold is somebody else's: it must not clear the screen, or pass for our own words.
    """
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(text: object, *, err: bool = False) -> None:
    """Print a line, on stdout or stderr: the only way in which both programs do so."""
    typer.echo(shown(str(text)), err=err or _only_json)


def show_json(found: Mapping[str, object]) -> None:
    """Print what a command came to as one JSON object, on stdout: what `--json` asks for.

    Paths become texts, pydantic's models and dataclasses objects, and numbers that JSON has not (NaN) null.
    """
    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    text = orjson.dumps(dict(found), default=_plain_value, option=options).decode()
    # Where they stand in a text, JSON has an escape of its own for characters that steer a terminal.
    typer.echo(_STEERING.sub(lambda character: f"\\u{ord(character[0]):04x}", text))


def _plain_value(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    return str(value)


def note(text: str) -> None:
    """Say something that the user must know, as one line on stderr."""
    _take_note(" ".join(text.split()))


def _say_note(text: str) -> None:
    say(f"note: {text}", err=True)


_take_note: Callable[[str], None] = _say_note


def notes_to(take: Callable[[str], None]) -> None:
    """Hand the notes of this process, which has no terminal, to `take` from now on."""
    global _take_note
    _take_note = take


@contextmanager
def progress(description: str, total: int | None) -> Iterator[Advance]:
    """Show the progress of `total` units of work on stderr while the block runs.

    Args:
        description: What is being done ("generating").
        total: How many units; None where that is not known.
    """
    if sys.stderr.isatty():
        with _bar(description, total) as advance:
            yield advance
    else:
        yield _plain(description, total)


@contextmanager
def _bar(description: str, total: int | None) -> Iterator[Advance]:
    from rich.console import Console, RenderableType
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        Remaining(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    done, last_note = 0, ""

    class Bar(Progress):
        def get_renderables(self) -> Iterable[RenderableType]:
            # It is drawn ten times a second; to tell it of each row would cost ten times as much as to count them.
            for task in self.task_ids:
                self.update(task, completed=done, note=shown(last_note))
            return super().get_renderables()

    with Bar(*columns, console=Console(stderr=True)) as bar:
        bar.add_task(description, total=total, note="")

        def advance(step: int = 1, *, note: str = "") -> None:
            nonlocal done, last_note
            done, last_note = done + step, note

        yield advance


def _plain(description: str, total: int | None) -> Advance:
    done = 0
    last_s = time.monotonic()
    of = "" if total is None else f"/{total}"
    # What an earlier run had done comes first and at once, and says nothing of the pace.
    first: tuple[int, float] | None = None

    def advance(step: int = 1, *, note: str = "") -> None:
        nonlocal done, last_s, first
        done += step
        now_s = time.monotonic()
        first = first or (done, now_s)
        if done == total or now_s - last_s >= PLAIN_INTERVAL_S:
            last_s = now_s
            new, spent_s = done - first[0], now_s - first[1]
            left = _time(spent_s / new * (total - done)) + " left" if total and new and done < total else ""
            say("  ".join(filter(None, [f"{description}: {done}{of}", note, left])), err=True)

    return advance


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def show_remarks(remarks: Iterable[str]) -> None:
    """Print on stderr what is to be known of the data that were read, a line each."""
    for remark in remarks:
        say(f"  {remark}", err=True)


def show_counts(kept: Counter[str], rejected: Counter[str]) -> None:
    """Print how many samples were kept and rejected, by type and by reason."""
    for word, counts in (("kept", sorted(kept.items())), ("rejected", rejected.most_common())):
        parts = ", ".join(f"{name} {count}" for name, count in counts)
        say(f"{word} {sum(count for _, count in counts)}" + (f": {parts}" if parts else ""))
