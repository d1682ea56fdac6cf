"""`emogen generate --engine ray` on a cluster of two nodes: the rows, what deaths cost, the rate, and secrets."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PLANTED, Trial

from benchmarks.generation.run_files import committed, sample_counts

pytestmark = pytest.mark.ray
SHARDS = ("--engine", "ray", "--shard-records", 250)
IN_FLIGHT = 64


def rows(path: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    for row in found:
        # They say more about the moment than about the row.
        for name in ("latency_s", "answered_at"):
            row["provenance"].pop(name, None)
    return sorted(found, key=lambda row: row["record"]["id"])


def wait_for(what: Callable[[], bool], limit_s: float = 240.0) -> None:
    end_s = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < end_s, "it did not come to it"
        time.sleep(0.05)


def rows_in(out: Path) -> int:
    path = out / "samples.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def workers() -> Iterator[int]:
    """Yield the processes of the workers on the nodes that this process started; others may run beside."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                name = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if name.startswith(b"ray::ShardWorker") and is_below(int(folder.name)):
                yield int(folder.name)


def is_below(pid: int) -> bool:
    """Whether a process descends from this one."""
    while pid not in (0, os.getpid()):
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return pid == os.getpid()


def test_the_same_run_as_without_ray(trial: Trial, tmp_path: Path) -> None:
    """Rows, manifest and journal of both engines are alike, and either goes on with what the other began."""
    trial.nodes.add()
    told = (*SHARDS, "--address", trial.nodes.address)
    with trial.server(latency_ms=10.0) as running:
        first = ("--limit", 300)
        trial.emogen.run(trial.records(500), running.url, tmp_path / "local", *first)
        said = trial.emogen.run(
            trial.records(500), running.url, tmp_path / "ray", *first, *told, "--workers", 2
        )
        assert "kept 300: conversation 300" in said
        assert running.stats()["paid_twice"] == 300
        ours, theirs = (rows(tmp_path / name / "samples.jsonl") for name in ("ray", "local"))
        assert ours == theirs
        manifests = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("ray", "local")]
        for manifest in manifests:
            del manifest["created"]
            del manifest["settings"]["out"]
        assert manifests[0] == manifests[1]
        assert len(committed(tmp_path / "ray")) == 300
        before = running.stats()["answers_paid"]
        trial.emogen.run(trial.records(500), running.url, tmp_path / "ray")
        trial.emogen.run(trial.records(500), running.url, tmp_path / "local", *told)
        trial.emogen.run(trial.records(500), running.url, tmp_path / "ray", *told, "--overwrite")
        assert "500 answers came from the journal, at no cost" in trial.emogen.said()
        assert running.stats()["answers_paid"] == before + 400
        assert rows(tmp_path / "ray" / "samples.jsonl") == rows(tmp_path / "local" / "samples.jsonl")


def test_deaths_lose_nothing(trial: Trial, tmp_path: Path) -> None:
    """A worker, a node and the run's own process are killed: each row once, nothing lost, little paid again."""
    node = trial.nodes.add()
    out = tmp_path / "run"
    told = (*SHARDS, "--address", trial.nodes.address, "--workers", "2:3", "--in-flight", IN_FLIGHT)
    with trial.server(latency_ms=50.0, lifetime=400) as running:
        process = trial.emogen.start(trial.records(20_000), running.url, out, *told)
        wait_for(lambda: rows_in(out) > 2_000)
        os.kill(next(workers()), signal.SIGKILL)
        wait_for(lambda: rows_in(out) > 6_000)
        trial.nodes.kill(node)
        wait_for(lambda: rows_in(out) > 10_000)
        trial.nodes.add()
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        answers, written = committed(out), sample_counts(out)
        trial.emogen.run(trial.records(20_000), running.url, out, *told)
        stats, after, counts = running.stats(), committed(out), sample_counts(out)
    assert set(counts.values()) == {1}
    assert len(counts) == 20_000
    assert all(after[key] == answer for key, answer in answers.items())
    assert all(name in counts for name in written)
    # Three deaths; each loses at most what was in flight.
    assert stats["paid_twice"] <= 3 * IN_FLIGHT
    assert stats["peak_in_flight"] <= 2 * IN_FLIGHT


def test_a_rate_holds_over_all_workers(trial: Trial, tmp_path: Path) -> None:
    """A server that takes 200 requests a second refuses at most one in a hundred."""
    trial.nodes.add()
    told = (*SHARDS, "--address", trial.nodes.address, "--workers", 3)
    with trial.server(requests_per_minute=12_000, burst_s=1.0, latency_ms=20.0) as running:
        trial.emogen.run(trial.records(4_000), running.url, tmp_path / "run", *told)
        stats = running.stats()
    assert stats["answers_paid"] == 4_000
    assert stats["refused_429"] <= 40
    assert stats["span_s"] < 1.25 * 4_000 / 200


def test_ctrl_c_ends_cleanly(trial: Trial, tmp_path: Path) -> None:
    """It says how to go on, prints nothing of Ray's, and leaves no worker."""
    trial.nodes.add()
    out = tmp_path / "run"
    with trial.server() as running:
        process = trial.emogen.start(
            trial.records(20_000), running.url, out, *SHARDS, "--address", trial.nodes.address, "--workers", 2
        )
        wait_for(lambda: rows_in(out) > 500)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        said = trial.emogen.said()
        assert said.endswith(
            f"interrupted; {out} keeps what is done, and the same command goes on from there.\n"
        )
        assert "Traceback" not in said
        assert "ray" not in said.lower().replace(str(tmp_path).lower(), "")
        wait_for(lambda: not any(workers()), 20)
        assert json.loads((out / "run.json").read_text())["state"] == "stopped"
        stats = running.stats()
        assert stats["answers_paid"] - len(committed(out)) <= IN_FLIGHT


def test_no_key_leaves_the_environment(trial: Trial, tmp_path: Path) -> None:
    """Neither Ray's files nor the run folder hold it, and it is in nobody's arguments."""
    trial.nodes.add()
    out = tmp_path / "run"
    with trial.server(latency_ms=10.0) as running:
        trial.emogen.run(trial.records(50), running.url, out, *SHARDS, "--address", trial.nodes.address)
    places = [path for folder in (out, Path("/tmp/ray/session_latest/logs")) for path in folder.rglob("*")]
    assert len(places) > 10
    for path in places:
        if path.is_file():
            assert PLANTED.encode() not in path.read_bytes(), path


def test_money_is_a_hard_stop(trial: Trial, tmp_path: Path) -> None:
    """All workers together spend no more than is allowed; with more, the same command goes on."""
    trial.nodes.add()
    prices, out = tmp_path / "prices.toml", tmp_path / "run"
    prices.write_text('as_of = 2026-01-01\n[per_million]\n"stub" = [0.0, 1000.0]\n')
    told = (*SHARDS, "--address", trial.nodes.address, "--workers", 2, "--prices", prices)
    with trial.server(latency_ms=20.0) as running:
        said = trial.emogen.run(trial.records(2_000), running.url, out, *told, "--max-cost", 60, code=1)
        assert "--max-cost" in said
        with sqlite3.connect(out / "journal.sqlite") as journal:
            (spent,) = journal.execute("SELECT total(cost) FROM answers").fetchone()
        assert 40 < spent <= 60
        assert rows_in(out) == running.stats()["answers_paid"]
