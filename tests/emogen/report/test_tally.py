"""Counting a run: what is counted equals what is there, and what is drawn does not depend on the order."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from command_line import Emogen

from benchmarks.report.made_run import rows, write_run
from emogen.drawing import Draw, lot
from emogen.errors import InputError
from emogen.report.figures import Figures, figures_of, spread_of
from emogen.report.tally import tally


def figures(run: Path) -> Figures:
    return figures_of("run", tally(run), None)


def test_counts_are_those_of_the_rows(tmp_path: Path) -> None:
    """Types, emotions, stages, reasons, flags, tokens and costs are counted as a plain reading counts them."""
    made = list(rows(800))
    found = figures(write_run(tmp_path / "run", iter(made)))
    kept = [row for row in made if "record" in row]
    assert found.samples == len(kept) == 720
    assert found.kept["reasoning"]["anger"] == sum(
        row["instruction"] == "reasoning" and row["record"]["emotion"] == "anger" for row in kept
    )
    assert found.turns == sum(len(row["turns"]) for row in kept)
    assert {reason.reason: reason.count for reason in found.reasons} == {
        name: sum(row.get("reason") == name for row in made)
        for name in ("unreadable", "source_leak", "length", "timeout")
    }
    assert list(found.funnel.values()) == [800, 800, 780, 760, 720, 704]
    asked = [row for row in made if row["provenance"]]
    assert found.completion_tokens == sum(row["provenance"]["usage"]["completion_tokens"] for row in asked)
    assert found.cost == pytest.approx(0.001 * len(asked))
    assert found.unsupported == {"conversation": 16 / 400, "reasoning": 0.0}


def test_a_record_is_described_once(tmp_path: Path) -> None:
    """Attributes, pixels and origins are counted by record, not by sample."""
    found = figures(write_run(tmp_path / "run", (row for row in rows(400) if "record" in row)))
    assert sum(found.records_by_emotion.values()) == 200
    assert found.origins["caption"] == {"metadata": 200}
    assert found.pixels["awe"]["brightness"].count == found.records_by_emotion["awe"]
    assert found.attributes["awe"]["caption"] == 1
    assert 0.5 < found.attributes["awe"]["scene"] < 0.8


def test_how_answers_speak_of_the_label(tmp_path: Path) -> None:
    """The last label that an answer names is compared with the image's own."""
    said = {
        "It evokes fear, then awe.": "names it last",
        "It evokes awe, not fear.": "names it, another last",
        "It evokes fear.": "names only others",
        "It is awesome and fearless.": "names none",
    }
    made = []
    for row, answer in zip(
        (row for row in rows(40) if row["instruction"] == "reasoning" and "record" in row), said, strict=False
    ):
        row["record"]["emotion"] = "awe"
        row["turns"] = [{"question": "Why does it evoke Awe?", "answer": answer, "kind": "reasoning"}]
        made.append(row)
    found = figures(write_run(tmp_path / "run", iter(made)))
    assert found.labels == {"reasoning": dict.fromkeys(sorted(said.values()), 1)}
    assert found.leaking == {"reasoning": 4}


def test_the_same_rows_are_drawn_in_any_order() -> None:
    """What is shown depends on the seed and the names, so that two runs of the same records show the same ones."""
    names = [f"r{number}" for number in range(1000)]
    drawn = []
    for _ in range(3):
        draw: Draw[str] = Draw(5)
        random.shuffle(names)
        for name in names:
            draw.offer(lot(7, name), name)
        drawn.append(draw.rows())
    assert drawn[0] == drawn[1] == drawn[2]
    assert len(set(drawn[0])) == 5
    assert lot(7, "r1") != lot(8, "r1")


def test_rejections_find_their_records(tmp_path: Path) -> None:
    """The image of a rejected row is that of another sample of its record, where there is one."""
    counted = tally(write_run(tmp_path / "run", rows(400)))
    shown = [row for draw in counted.refused.values() for row in draw.rows()]
    assert shown
    assert all(counted.known[row.record_id].image == f"photos/{row.record_id}.jpg" for row in shown)


def test_half_a_last_row_is_passed_over(tmp_path: Path) -> None:
    """A run that is being written can be looked at; a broken row elsewhere is named by its line."""
    run = write_run(tmp_path / "run", rows(20))
    with (run / "samples.jsonl").open("a") as file:
        file.write('{"record": {"id"')
    assert figures(run).samples == 18
    with (run / "samples.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(InputError, match=r"samples\.jsonl:19"):
        figures(run)


def test_no_run(emogen: Emogen, tmp_path: Path) -> None:
    """A folder without rows is refused with what to do; one that is not there is not made."""
    for command in ("card", "report"):
        for folder in (tmp_path, tmp_path / "none"):
            ran = emogen(command, folder)
            assert ran.code == 2
            assert "is no run folder" in ran.err
    assert not (tmp_path / "none").exists()


def test_spread() -> None:
    """Quantiles are values that are there."""
    spread = spread_of(range(101))
    assert (spread.p5, spread.p25, spread.median, spread.p95, spread.highest) == (5, 25, 50, 95, 100)
    assert spread_of([2.0]).median == 2.0
