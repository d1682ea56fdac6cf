from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.exports.data import write_samples
from benchmarks.exports.measure import BARE, COMMANDS, markdown, measure
from emogen.exporters.export import export
from emogen.stored import stored_samples


def test_made_up_samples_are_samples_of_their_own(tmp_path: Path) -> None:
    """Every one is exported: none breaks a rule or has the id of another, and there are three for each image."""
    samples = list(stored_samples(write_samples(tmp_path / "samples.jsonl", 300)))
    assert export(samples, "llava", tmp_path / "out.json").written == 300
    assert len({sample.record.image for sample in samples}) == 100


@pytest.mark.slow
def test_every_way_is_measured(tmp_path: Path) -> None:
    """Each way runs to its end at both sizes, and the table has a line for each and says what became of the targets."""
    result = measure(tmp_path, 1000, 2)
    assert list(result["taken"]) == [BARE, *COMMANDS]
    assert all(
        took["exit_code"] == 0
        for sizes in result["taken"].values()
        for each in sizes.values()
        for took in each
    )
    table = markdown(result)
    assert all(f"| {name} |" in table for name in result["taken"])
    # So few samples cost less than the start of the program, which bare orjson hardly needs.
    assert "bare orjson (target: at most 2 x): **missed**" in table
