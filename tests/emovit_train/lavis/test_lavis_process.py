"""How `train --engine lavis` ends the process that it starts; LAVIS is played by a few lines here."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from emogen.errors import EmovitError
from emovit_train.lavis import engine

# Takes one step, says who it is, and goes on for longer than any test.
STEPS = """
import os, signal, sys, time
from pathlib import Path
work = Path(sys.argv[1])
{first}
(work / "metrics.jsonl").write_text('{{"loss": 1.5}}\\n')
(work / "pid").write_text(str(os.getpid()))
{then}
"""
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


def play(
    work: Path, monkeypatch: pytest.MonkeyPatch, *, first: str = "", then: str = "time.sleep(60)"
) -> None:
    script = work / "inside.py"
    script.write_text(STEPS.format(first=first, then=then))
    monkeypatch.setattr(engine, "_INSIDE", script)


def signalled_when_it_runs(work: Path, number: signal.Signals) -> threading.Thread:
    def send() -> None:
        while not (work / "pid").exists():
            time.sleep(0.01)
        # It has written the file, but perhaps not yet its number.
        time.sleep(0.3)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("first", ["", DEAF])
def test_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, first: str
) -> None:
    """Ctrl-C and SIGTERM end LAVIS' process, one that does not listen, too; what was done is told."""
    play(tmp_path, monkeypatch, first=first)
    monkeypatch.setattr(engine, "_ENDING_S", 0.3)
    sender = signalled_when_it_runs(tmp_path, number)
    with pytest.raises(KeyboardInterrupt, match="stopped after 1 of 3 steps; no checkpoint"):
        engine._run(Path(sys.executable), tmp_path, 3)
    sender.join()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_ended_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its losses come back; where it failed, its last words do."""
    play(tmp_path, monkeypatch, then="")
    assert engine._run(Path(sys.executable), tmp_path, 1) == [1.5]
    play(tmp_path, monkeypatch, then="raise SystemExit('no such thing')")
    with pytest.raises(EmovitError, match="ended with code 1 after 1 of 3 steps: no such thing"):
        engine._run(Path(sys.executable), tmp_path, 3)
