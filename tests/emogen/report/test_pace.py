"""How fast a run was: by the clock, with its pauses, and nothing made up where rows have no time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.report.made_run import rows, write_run
from emogen.report.pace import MOST_STRETCHES, PARTS, Pace, Times, pace_of
from emogen.report.rows import ProvenanceRow

NOON = 1_790_000_000


def pace(*seconds: int | None, latency_s: float = 1.0) -> Pace:
    times = Times()
    for second in seconds:
        times.add(ProvenanceRow("openai", "m", latency_s=latency_s, answered_at=second))
    return pace_of(times)


def told(run: Path, emogen: Emogen) -> str:
    """Return the words of a run's page."""
    ran = emogen("report", run, "--out", run / "page.html")
    assert ran.code == 0, ran.err
    return (run / "page.html").read_text(encoding="utf-8")


def test_a_steady_run() -> None:
    """A row every two seconds is thirty a minute, all the time."""
    found = pace(*range(NOON, NOON + 1200, 2))
    (stretch,) = found.stretches
    assert (stretch.begin, stretch.end, stretch.rows) == (NOON, NOON + 1198, 600)
    assert stretch.rows_per_minute == pytest.approx(30, rel=0.01)
    assert len(found.parts) <= PARTS
    assert [part.rows_per_minute for part in found.parts] == pytest.approx([30] * len(found.parts), rel=0.05)
    assert {part.latency_s for part in found.parts} == {1.0}


def test_a_pause_parts_the_run() -> None:
    """After a night the work begins anew: the night takes no room, and the line goes down to zero there."""
    night = 8 * 3600
    evening, morning = range(NOON, NOON + 600), range(NOON + night, NOON + night + 600)
    found = pace(*morning, *evening)
    assert [stretch.rows for stretch in found.stretches] == [600, 600]
    assert [part.end_s for part in found.parts if not part.rows_per_minute] == [600]
    assert found.parts[-1].end_s == 1200
    assert found.pause_s == 600


def test_a_short_stop_is_seen() -> None:
    """Five minutes without an answer are no pause, but parts in which nothing came."""
    found = pace(*range(NOON, NOON + 600), *range(NOON + 900, NOON + 1500))
    assert len(found.stretches) == 1
    assert [part.latency_s for part in found.parts].count(None) >= 9
    assert found.parts[-1].end_s == 1500


def test_rows_without_a_time() -> None:
    """They are counted, and say nothing of how fast the others were."""
    found = pace(None, *range(NOON, NOON + 60), None)
    assert (found.unknown, found.stretches[0].rows) == (2, 60)
    nothing = pace(None, None)
    assert (nothing.unknown, nothing.stretches, nothing.parts) == (2, [], [])


def test_a_moment_is_no_measure() -> None:
    """One row alone has no speed, though it has a second."""
    found = pace(NOON)
    assert found.stretches[0].rows_per_minute is None
    assert found.parts[0].rows_per_minute == 12


@given(st.lists(st.integers(0, 253_402_300_799), max_size=60), st.integers(1, 10**9))
def test_any_times(seconds: list[int], step: int) -> None:
    """Whatever the times, every row is in one stretch and one part, and there are few of both."""
    for found in (pace(*seconds), pace(*range(0, 100 * step, step))):
        rows_in = sum(stretch.rows for stretch in found.stretches)
        ends = [0, *(part.end_s for part in found.parts)]
        rows_of = sum(
            part.rows_per_minute * (end - begin) / 60
            for begin, end, part in zip(ends, ends[1:], found.parts, strict=False)
        )
        assert rows_of == pytest.approx(rows_in)
        assert ends == sorted(ends)
        assert len(found.stretches) <= MOST_STRETCHES
        assert len(found.parts) <= PARTS + 3 * MOST_STRETCHES


def test_the_page_tells_it(tmp_path: Path, emogen: Emogen) -> None:
    """The report has the speed of each stretch; a row that was asked before times were kept is counted as such."""
    made = [row for row in rows(440) if row["provenance"]]
    for row in made[200:]:
        row["provenance"]["answered_at"] += 7200
    made[0]["provenance"]["answered_at"] = None
    page = told(write_run(tmp_path / "run", iter(made)), emogen)
    assert "2026-09-21 14:13:20 to 2026-09-21 16:13:41 UTC" in page
    assert "1 of more than 10 minutes" in page
    assert '<th scope="row">at an unknown time</th><td class="words">1 row</td>' in page
    assert "kept rows" in page


def test_a_run_of_before(tmp_path: Path, emogen: Emogen) -> None:
    """A run without any time says so, and has its latency in the order of its rows."""

    def timeless() -> Any:
        for row in rows(40):
            if row["provenance"]:
                del row["provenance"]["answered_at"]
            yield row

    run = write_run(tmp_path / "run", timeless())
    assert '<th scope="row">answered</th><td class="words">unknown</td>' in told(run, emogen)
    ran = emogen("report", run, "--json")
    (figures,) = json.loads(ran.out)["runs"]
    assert figures["figures"]["pace"] == {"unknown": 39, "pause_s": 600, "stretches": [], "parts": []}


def test_no_date_has_such_a_second(tmp_path: Path, emogen: Emogen) -> None:
    """A time after the last date is refused with its line, not drawn."""
    made = next(rows(1))
    made["provenance"]["answered_at"] = 10**18
    run = write_run(tmp_path / "run", iter([made]))
    ran = emogen("report", run)
    assert ran.code == 2
    assert "samples.jsonl:1" in ran.err
    assert "answered_at" in ran.err
