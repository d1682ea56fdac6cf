"""A review whose program is killed has lost nothing that its page was told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from benchmarks.report.made_run import rows, write_run

pytestmark = pytest.mark.slow


def test_what_the_page_was_told_is_kept(tmp_path: Path) -> None:
    """Killed right behind its answer, the program goes on where it was, under another address each time."""
    run = write_run(tmp_path / "run", rows(10))
    seen = set()
    for already in range(3):
        command = (sys.executable, "-m", "emogen", "review", str(run), "--reviewer", "ann", "--no-browser")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout
            address = next(line.strip() for line in program.stdout if "http://" in line)
            seen.add(address)
            with urlopen(f"{address}state") as state:
                progress = json.loads(state.read())["progress"]
            assert (progress["decided"], progress["first"]) == (already, already)
            headers = {"Origin": "/".join(address.split("/")[:3]), "Content-Type": "application/json"}
            body = json.dumps({"position": already, "decision": "accept"}).encode()
            with urlopen(Request(f"{address}decisions", body, headers)) as answer:
                assert answer.status == 200
            program.kill()
    assert len(seen) == 3
