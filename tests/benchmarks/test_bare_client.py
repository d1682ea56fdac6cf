from __future__ import annotations

import json

from benchmarks.generation.bench import Bench
from benchmarks.generation.children import bare_command, measured


def test_bare_client_gets_all_rows(bench: Bench) -> None:
    """Each record is asked for once, in a request as large as emogen's, and each answer is written as one line."""
    out = bench.folder / "bare.jsonl"
    with bench.server() as server:
        command = bare_command(bench.records(60), bench.template(), out, server.url, bench.in_flight)
        took = measured(command, bench.folder / "log", bench.limit_s)
        stats, first = server.stats(), server.first_body()
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert (took.exit_code, took.timed_out) == (0, False)
    assert sorted(row["id"] for row in rows) == [f"park_{number:06d}" for number in range(60)]
    assert all("basic" in json.loads(row["text"]) for row in rows)
    assert (stats["answers_paid"], stats["paid_twice"], stats["peak_in_flight"]) == (60, 0, bench.in_flight)
    emogens = bench.template().read_bytes()
    assert abs(len(first) - len(emogens)) < 0.05 * len(emogens)


def test_meter_ends_what_takes_too_long(bench: Bench) -> None:
    """A command that does not end is killed after its limit, and its CPU and memory are told nevertheless."""
    took = measured(["/bin/sh", "-c", "exec sleep 60"], bench.folder / "log", 0.3)
    assert (took.exit_code, took.timed_out) == (-9, True)
    assert took.wall_s < 10
    assert took.peak_mb > 0
