"""Stops a run at random moments, resumes it, and counts what was lost, doubled or paid twice."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.generation.bench import Bench
from benchmarks.generation.children import ROOT, Stub, emogen_command, environment, measured
from benchmarks.generation.run_files import committed, sample_counts

__all__ = ["Trial", "kills", "moments"]

# An interrupted run may finish what it holds; a killed one ends at once.
END_LIMIT_S: Final = 60.0
# Answers that come in step would leave no moment between one that is written and one that is not.
JITTER: Final = 0.5


@dataclass(frozen=True)
class Trial:
    """One run that was stopped and resumed.

    Attributes:
        moment_s: When, in seconds since its start.
        exit_code: Of the stopped run; minus the signal where that ended it, 0 where it had finished before.
        paid: Answers that the server had made until then.
        committed: Answers in the journal then.
        at_server: Requests that the server was working on just before.
        uncommitted: Answers made, or being made, that the journal did not hold: each of them had its slot.
        lost: Committed answers, or rows, that the resumed run does not have.
        duplicates: Rows that are there twice in the end.
        missing: Rows that are not there in the end.
        paid_twice: Answers that the server made once more than needed.
        resumed_exit_code: Of the resumed run.
    """

    moment_s: float
    exit_code: int
    paid: int
    committed: int
    at_server: int
    uncommitted: int
    lost: int
    duplicates: int
    missing: int
    paid_twice: int
    resumed_exit_code: int


def moments(seed: int, count: int, until_s: float) -> Iterator[float]:
    """Yield `count` random moments from 0 to `until_s`, the same for the same seed."""
    draw = random.Random(seed)
    for _ in range(count):
        yield draw.uniform(0.0, until_s)


def kills(bench: Bench, rows: int, count: int, how: signal.Signals = signal.SIGKILL) -> dict[str, Any]:
    """Stop `count` runs over `rows` records, each at another moment of an undisturbed run's time, and resume them."""
    whole = bench.emogen(rows, jitter=JITTER)
    trials = []
    for moment_s in moments(bench.seed, count, whole.took.wall_s):
        trial = _trial(bench, rows, moment_s, how)
        bench.say(
            f"  {how.name} at {trial.moment_s:5.2f} s: committed {trial.committed}, asked {trial.at_server}; "
            f"lost {trial.lost}, twice {trial.duplicates}, missing {trial.missing}, paid twice {trial.paid_twice}"
        )
        trials.append(trial)
    return {
        "rows": rows,
        "signal": how.name,
        "in_flight": bench.in_flight,
        "kept_undisturbed": whole.rows,
        "undisturbed_s": round(whole.took.wall_s, 3),
        "committed": sum(trial.committed for trial in trials),
        "lost": sum(trial.lost for trial in trials),
        "duplicates": sum(trial.duplicates for trial in trials),
        "missing": sum(trial.missing for trial in trials),
        "paid_twice_at_most": max(trial.paid_twice for trial in trials),
        "committed_and_asked_again": sum(max(0, trial.paid_twice - trial.uncommitted) for trial in trials),
        "failed_resumes": sum(trial.resumed_exit_code != 0 for trial in trials),
        "trials": [asdict(trial) for trial in trials],
    }


def _trial(bench: Bench, rows: int, moment_s: float, how: signal.Signals) -> Trial:
    out = bench.out("stopped")
    with bench.server(jitter=JITTER) as server:
        command = emogen_command(bench.records(rows), out, server.url, bench.in_flight)
        exit_code, at_server = _stop(command, bench.folder / "stopped.log", server, moment_s, how)
        answers, lines = committed(out), sample_counts(out)
        paid = server.stats()["answers_paid"]
        resumed = measured(command, bench.folder / "resumed.log", bench.limit_s)
        after, counts = committed(out), sample_counts(out)
        stats = server.stats()
    shutil.rmtree(out, ignore_errors=True)
    lost_answers = sum(after.get(key) != answer for key, answer in answers.items())
    return Trial(
        moment_s=round(moment_s, 3),
        exit_code=exit_code,
        paid=paid,
        committed=len(answers),
        at_server=at_server,
        uncommitted=paid - len(answers),
        lost=lost_answers + sum(name not in counts for name in lines),
        duplicates=sum(times - 1 for times in counts.values()),
        missing=rows - len(counts),
        paid_twice=stats["paid_twice"],
        resumed_exit_code=resumed.exit_code,
    )


def _stop(
    command: list[str], log: Path, server: Stub, moment_s: float, how: signal.Signals
) -> tuple[int, int]:
    """Start `command`, stop it after `moment_s`; return its exit code and the requests at the server just before."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            time.sleep(moment_s)
            at_server = server.stats()["in_flight"]
            process.send_signal(how)
            return process.wait(END_LIMIT_S), at_server
        finally:
            process.kill()
            process.wait()
