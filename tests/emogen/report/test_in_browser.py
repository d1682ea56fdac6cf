"""The report in a real browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from browser import is_fine, looked_at
from command_line import Emogen
from PIL import Image

from benchmarks.report.made_run import rows, write_run

pytestmark = pytest.mark.slow

LOOK = Path(__file__).with_name("look.py")


def test_filters_and_manners(emogen: Emogen, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The filters work by keyboard and show what they say, light and dark, at desktop and phone width."""
    folder = write_run(tmp_path / "run", rows(400))
    (tmp_path / "photos").mkdir()
    for line in (folder / "samples.jsonl").read_text().splitlines()[::2]:
        Image.new("RGB", (300, 200), (40, 90, 200)).save(tmp_path / json.loads(line)["record"]["image"])
    assert emogen("report", folder, "--out", tmp_path / "r.html").code == 0
    seen = looked_at(request.config.cache, LOOK, tmp_path / "r.html", tmp_path)
    is_fine(seen)
    found = seen["filters"]
    assert found["again"] == found["all"]
    for name in ("emotion", "type", "reason", "state"):
        shown = found[name]
        assert shown["value"]
        assert shown["rows"]
        assert shown["status"].startswith(f"{len(shown['emotions'])} of ")
    assert set(found["emotion"]["emotions"]) == {found["emotion"]["value"]}
    assert {row["type"] for row in found["type"]["rows"]} == {found["type"]["value"]}
    assert {row["state"] for row in found["state"]["rows"]} == {"kept"}
    assert all(found["reason"]["value"] in json.loads(row["reasons"]) for row in found["reason"]["rows"])


def test_hostile_rows_and_two_runs(emogen: Emogen, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """What captions and answers hold never runs, asks or warns, in the report of two runs either."""
    evil = (
        "</script><script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)>\"'>"
        "<svg onload=alert(3)>"
    )
    made = []
    for row in rows(60):
        if "record" in row:
            row["record"] |= {"caption": evil, "emotion": evil, "labels": [evil, "b"], "image": evil}
            row["turns"] = [{"question": evil, "answer": evil, "kind": "reasoning"}]
            row |= {"flags": [evil], "instruction": evil}
        else:
            row |= {"reason": evil, "raw_answer": evil, "detail": evil}
        made.append(row)
    one = write_run(tmp_path / "one", iter(made), notice=evil)
    two = write_run(tmp_path / "two", rows(60))
    assert emogen("report", one, two, "--out", tmp_path / "r.html").code == 0
    is_fine(looked_at(request.config.cache, LOOK, tmp_path / "r.html", tmp_path))
