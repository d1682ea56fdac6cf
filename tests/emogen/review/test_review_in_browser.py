"""The review page in a real browser, served by the command as a user starts it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import is_fine, looked_at
from PIL import Image

from benchmarks.report.made_run import rows, write_run

pytestmark = pytest.mark.slow

WALK = Path(__file__).with_name("walk.py")


@contextmanager
def served(run: Path) -> Iterator[str]:
    """Yield the address that the command prints, and end it by Ctrl-C, as which it takes SIGINT."""
    command = (sys.executable, "-m", "emogen", "review", str(run), "--reviewer", "ann", "--no-browser")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        try:
            yield next(line.strip() for line in program.stdout if "http://" in line)
        finally:
            program.send_signal(signal.SIGINT)
            said = program.stdout.read()
    assert program.returncode == 0
    assert "the same command goes on" in said


def test_a_review_by_keyboard(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each key does what the page says, light and dark, at desktop and phone width; axe finds nothing serious."""
    run = write_run(tmp_path / "run", rows(40))
    (tmp_path / "photos").mkdir()
    for line in (run / "samples.jsonl").read_text().splitlines()[::2]:
        Image.new("RGB", (300, 200), (40, 90, 200)).save(tmp_path / json.loads(line)["record"]["image"])
    with served(run) as address:
        seen = looked_at(request.config.cache, WALK, address, tmp_path)
    is_fine(seen)
    assert all("422" in text or "404" in text for text in seen["failed"])
    steps = {name: (sample, said, counts.split(": ")[1]) for name, sample, said, counts in seen["steps"]}
    first, second, third, fourth = (
        f"{record}/{kind}"
        for record in ("amusement_000000", "anger_000001")
        for kind in ("conversation", "reasoning")
    )
    assert steps == {
        "accept": (second, f"Accepted: {first}.", "1 accepted, 0 rejected, 0 edited"),
        "reject": (third, f"Rejected: {second}.", "1 accepted, 1 rejected, 0 edited"),
        "move": (third, "", "1 accepted, 1 rejected, 0 edited"),
        "empty edit": (third, "", "1 accepted, 1 rejected, 0 edited"),
        "leave": (third, steps["leave"][1], "1 accepted, 1 rejected, 0 edited"),
        "edit": (third, steps["edit"][1], "1 accepted, 1 rejected, 0 edited"),
        "edit all the same": (fourth, f"Edited: {third}.", "1 accepted, 1 rejected, 1 edited"),
        "undo": (third, f"Taken back: {third}.", "1 accepted, 1 rejected, 0 edited"),
        "reload": (second, "", "1 accepted, 1 rejected, 0 edited"),
    }
    assert seen["faults"] == "answer 2: must not be empty"
    assert seen["faults_left"].startswith("length: ")
    assert seen["mine"] == "Rejected: The image does not show this emotion"
    decisions = [json.loads(line)["decision"] for line in (run / "reviews.jsonl").read_text().splitlines()]
    assert decisions == ["accept", "reject", "edit", "none"]


def test_hostile_samples(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """What captions, labels, questions and answers hold never runs, asks or warns, however it is shown or edited."""
    evil = (
        "</script><script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)>\"'>"
        "<svg onload=alert(3)>javascript:alert(4)"
    )
    made = []
    for row in rows(7):
        row["record"] |= {"caption": evil, "emotion": evil, "labels": [evil, "b"], "image": evil}
        row["record"]["attributes"] |= {"scene": evil, "object": [evil]}
        kinds = [turn["kind"] for turn in row["turns"]]
        row["turns"] = [{"question": evil, "answer": evil, "kind": kind} for kind in kinds]
        made.append(row | {"flags": [evil]})
    run = write_run(tmp_path / "run", iter(made))
    with served(run) as address:
        seen = looked_at(request.config.cache, WALK, address, tmp_path)
    is_fine(seen)
    assert "2 of 7 decided" in seen["steps"][-1][3]
