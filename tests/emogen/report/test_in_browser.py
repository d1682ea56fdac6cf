"""The report in a real browser: Chromium, headless, driven by Playwright, which brings one where none is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from made_run import rows, write_run
from own_environment import kept_environment, run
from PIL import Image

pytestmark = pytest.mark.slow

PLAYWRIGHT = "playwright==1.65.2"
AXE = "axe-core@4.14.1"
SERIOUS = {"serious", "critical"}


def axe_script(cache: pytest.Cache) -> Path:
    """Return axe-core's script, fetched once from npm."""
    folder = cache.mkdir(AXE.replace("@", "-"))
    if not (folder / "package" / "axe.min.js").is_file():
        subprocess.run(["npm", "pack", "--silent", AXE], cwd=folder, check=True, capture_output=True)
        with tarfile.open(next(folder.glob("*.tgz"))) as packed:
            packed.extractall(folder, filter="data")
    return folder / "package" / "axe.min.js"


def chromium(python: Path, folder: Path) -> Path:
    """Return the system's Chromium, or Playwright's own."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return Path(found)
    run(python, "-m", "playwright", "install", "--with-deps", "chromium", cwd=folder)
    ask = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    return Path(run(python, "-c", ask, cwd=folder).strip())


def looked_at(request: pytest.FixtureRequest, page: Path) -> dict[str, Any]:
    """Open a page, and return what look.py saw."""
    python = kept_environment(request.config.cache, "browser", (PLAYWRIGHT,))
    look, folder = Path(__file__).with_name("look.py"), page.parent
    program = chromium(python, folder)
    axe = axe_script(request.config.cache)
    seen: dict[str, Any] = json.loads(run(python, look, page, axe, folder, program, cwd=folder))
    return seen


def is_fine(seen: dict[str, Any]) -> None:
    """Nothing was said, asked for or wider than the window, and axe finds nothing serious."""
    assert seen["console"] == []
    assert seen["requests"] == []
    for window in ("desktop", "phone"):
        assert seen[f"{window}_overflow"] <= 0
        assert seen[f"{window}_seconds"] < 3
        assert [found for found in seen[f"{window}_violations"] if found[1] in SERIOUS] == []


def test_filters_and_manners(emogen: Emogen, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The filters work by keyboard and show what they say, light and dark, at desktop and phone width."""
    folder = write_run(tmp_path / "run", rows(400))
    (tmp_path / "photos").mkdir()
    for line in (folder / "samples.jsonl").read_text().splitlines()[::2]:
        Image.new("RGB", (300, 200), (40, 90, 200)).save(tmp_path / json.loads(line)["record"]["image"])
    assert emogen("report", folder, "--out", tmp_path / "r.html").code == 0
    seen = looked_at(request, tmp_path / "r.html")
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
    is_fine(looked_at(request, tmp_path / "r.html"))
