from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
import unicodedata
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from emogen import terminal
from emogen.errors import BackendError, CheckFailedError, EmovitError, InputError, MissingExtraError
from emogen.terminal import progress, run_app, say, shown


def app_that_raises(error: BaseException | None) -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)

    @app.command()
    def command() -> None:
        if error:
            raise error

    return app


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EmovitError("a"), 1),
        (CheckFailedError("a"), 1),
        (InputError("a", where="b", remedy="C."), 2),
        (MissingExtraError("p", "e", "It"), 3),
        (BackendError("a"), 4),
        (None, 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_of_ours_is_one_line_and_its_exit_code(
    error: EmovitError | None, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the user must mend is said in one line on stderr, without a traceback."""
    monkeypatch.setattr(sys, "argv", ["program"])
    with pytest.raises(SystemExit) as left:
        run_app(app_that_raises(error))
    assert left.value.code == code
    assert capsys.readouterr().err == (f"error: {error}\n" if error else "")


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that is not ours passes through."""
    monkeypatch.setattr(sys, "argv", ["program"])
    with pytest.raises(ZeroDivisionError):
        run_app(app_that_raises(ZeroDivisionError()))


PROGRAM = """
import time, typer
from emogen.terminal import run_app
app = typer.Typer(pretty_exceptions_enable=False)
@app.command()
def command():
    for i in range(20_000):
        typer.echo("line")
    time.sleep(20)
run_app(app)
"""


def test_an_interrupt_ends_with_130_and_no_traceback(tmp_path: Path) -> None:
    """Ctrl-C ends a command with the shell's code for it, and one line."""
    with (tmp_path / "out").open("wb") as out:
        child = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=out, stderr=subprocess.PIPE)
        limit = time.monotonic() + 10
        while not os.path.getsize(out.name) and time.monotonic() < limit:  # noqa: PTH202 - as short
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=10)
    assert child.returncode == 130
    assert err.decode().split() == ["interrupted"]


@pytest.mark.parametrize(("said", "shown"), [((), "interrupted"), (("all is kept",), "all is kept")])
def test_an_interrupt_may_say_what_is_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, said: tuple[str, ...], shown: str
) -> None:
    """What the interrupted work says is what is shown, once."""
    monkeypatch.setattr(sys, "argv", ["program"])
    with pytest.raises(SystemExit) as left:
        run_app(app_that_raises(KeyboardInterrupt(*said)))
    assert left.value.code == 130
    assert capsys.readouterr().err.strip() == shown


@pytest.mark.parametrize("program", ["emogen", "emovit_train"])
def test_the_version(program: str) -> None:
    """Both programs say the version of the distribution, also as `python -m`."""
    words = [sys.executable, "-m", program, "--version"]
    told = subprocess.run(words, capture_output=True, text=True, check=True)
    assert told.stdout == f"emovit-toolkit {version('emovit-toolkit')}\n"


def test_a_reader_that_leaves_gets_no_traceback() -> None:
    """`emogen ... | head` ends quietly."""
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.replace("20_000", "200_000")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    err = child.stderr.read()
    child.stderr.close()
    assert child.wait(timeout=10) == 1
    assert err == b""


def test_progress_in_a_log_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal, progress is printed at its interval and at the end, on stderr."""
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    with progress("working", 4) as advance:
        advance()
        now_s += terminal.PLAIN_INTERVAL_S
        advance(note="half")
        advance()
        advance(note="done")
    shown = capsys.readouterr()
    assert shown.err.splitlines() == ["working: 2/4  half  10 s left", "working: 4/4  done"]
    assert shown.out == ""


@pytest.mark.parametrize(("each_s", "left"), [(10.0, "6 min left"), (1000.0, "10 h 33 min left")])
def test_progress_in_a_log_tells_the_time_left(
    each_s: float, left: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is judged by the units done now: those of an earlier run, and work without a total, tell nothing."""
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    for total in (1100, None):
        with progress("working", total) as advance:
            advance(1000)
            for _ in range(62):
                now_s += each_s
                advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[61].endswith(left)
    assert lines[-1].split("  ")[1:] == []


def test_progress_on_a_terminal_is_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal the bar shows what is done and the last note."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress("working", 2) as advance:
        advance(2, note="loss 1.23")
    shown = capsys.readouterr()
    assert "working" in shown.err
    assert "2/2" in shown.err
    assert "loss 1.23" in shown.err


@given(st.text())
def test_nothing_steers_the_terminal(text: str) -> None:
    """Whatever is shown, no character of it steers a terminal or turns its reading direction; the rest stays."""
    seen = shown(text)
    assert not [letter for letter in seen if unicodedata.category(letter) == "Cc" and letter not in "\n\t"]
    assert not set(seen) & set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert shown(seen) == seen
    assert shown("A rocket,\tfire 🚀\n") == "A rocket,\tfire 🚀\n"


def test_escapes_are_shown_as_such(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An escape sequence in a record, and in an error about it, is shown and not obeyed."""
    monkeypatch.setattr(sys, "argv", ["x"])
    say("r1\x1b[2J\u202e")
    with pytest.raises(SystemExit):
        run_app(app_that_raises(InputError("odd \x1b[31m", where="\x9b2J")))
    out, err = capsys.readouterr()
    assert out == "r1\\x1b[2J\\u202e\n"
    assert err == "error: \\x9b2J: odd \\x1b[31m.\n"


def test_there_is_one_way_to_print() -> None:
    """Both programs print by `emogen.terminal` alone, which shows what steers a terminal as escapes."""
    root = Path(__file__).parents[2]
    found = [
        path.relative_to(root).as_posix()
        for package in ("emogen", "emovit_train")
        for path in (root / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("print", "typer.echo", "typer.secho", "click.echo")
    ]
    assert set(found) == {"emogen/terminal.py"}
