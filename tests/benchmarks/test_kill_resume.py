from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from benchmarks.generation.bench import Bench
from benchmarks.generation.kill_part import kills, moments
from benchmarks.generation.report import markdown
from benchmarks.generation.run_files import JOURNAL, committed, sample_counts


def test_killed_runs_are_resumed(bench: Bench) -> None:
    """Two runs over 50 records, killed and resumed, lose nothing, double nothing and pay no more than is in flight."""
    found = kills(bench, rows=50, count=2)
    assert (found["kept_undisturbed"], found["failed_resumes"], len(found["trials"])) == (50, 0, 2)
    assert (found["lost"], found["duplicates"], found["missing"]) == (0, 0, 0)
    assert found["paid_twice_at_most"] <= bench.in_flight
    assert found["committed_and_asked_again"] == 0


def test_moments_are_seeded() -> None:
    """The same seed gives the same moments, all within the run."""
    assert list(moments(1, 5, 2.0)) == list(moments(1, 5, 2.0)) != list(moments(2, 5, 2.0))
    assert all(0 <= moment_s <= 2.0 for moment_s in moments(1, 100, 2.0))


def test_torn_rows_are_not_rows(tmp_path: Path) -> None:
    """A last line that a killed process left half-written does not count, one that is there twice counts twice."""
    row = json.dumps({"record": {"id": "a"}, "instruction": "conversation"}) + "\n"
    (tmp_path / "samples.jsonl").write_text(row + row + row[:20])
    assert sample_counts(tmp_path) == {"a/conversation": 2}


def test_committed_answers(tmp_path: Path) -> None:
    """What the journal of a killed run holds is read from a copy: committed answers count, others do not."""
    run = tmp_path / "run"
    run.mkdir()
    assert committed(run) == {}
    with closing(sqlite3.connect(run / JOURNAL, isolation_level=None)) as journal:
        journal.execute("PRAGMA journal_mode=WAL")
        assert committed(run) == {}
        journal.execute("CREATE TABLE answers (key BLOB, record_id, instruction, attempt, body BLOB)")
        journal.execute("INSERT INTO answers VALUES (x'01', 'a', 'reasoning', 0, x'02')")
        journal.execute("BEGIN")
        journal.execute("INSERT INTO answers VALUES (x'03', 'b', 'reasoning', 0, x'04')")
        assert committed(run) == {b"\x01": ("a", "reasoning", sha256(b"\x02").digest())}


def test_report_tells_what_was_missed() -> None:
    """The table calls a target missed where it was, and a run without a journal keeps no promise about it."""
    trial = {"exit_code": -9}
    part = {
        "machine": {
            "date": "d",
            "cpu": "c",
            "cores": 2,
            "memory": "m",
            "disk": "e",
            "system": "s",
            "python": "3",
        }
        | {"packages": {}, "revision": "r", "load_before": 0.1},
        "signal": "SIGKILL",
        "in_flight": 64,
        "trials": [trial],
        "lost": 0,
        "committed": 0,
        "duplicates": 0,
        "missing": 0,
        "failed_resumes": 0,
        "paid_twice_at_most": 65,
        "committed_and_asked_again": 0,
    }
    table = markdown({"parts": {"kills": part}}).splitlines()
    verdicts = {
        line.split("|")[1].split(": ")[1].strip(): "missed" in line for line in table if "SIGKILL" in line
    }
    assert verdicts == {
        "committed answers lost": True,
        "rows twice": False,
        "rows missing after the resume": False,
        "answers paid twice, at most": True,
    }
