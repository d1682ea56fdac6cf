"""A real browser for tests: Chromium, headless, driven by Playwright, which brings one where none is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from own_environment import kept_environment, run

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


def looked_at(cache: pytest.Cache, look: Path, page: Path | str, pictures: Path) -> dict[str, Any]:
    """Open a page by a script of a test's own, and return what that saw.

    Args:
        cache: Where the browser's environment is kept.
        look: The script; it is told the page, axe-core's script, a folder for pictures and the browser.
        page: A file or an address.
        pictures: The folder.
    """
    python = kept_environment(cache, "browser", (PLAYWRIGHT,))
    program = chromium(python, pictures)
    seen: dict[str, Any] = json.loads(
        run(python, look, page, axe_script(cache), pictures, program, cwd=pictures)
    )
    return seen


def is_fine(seen: dict[str, Any]) -> None:
    """Nothing was said, asked for or wider than the window, and axe finds nothing serious."""
    assert seen["console"] == []
    assert seen["requests"] == []
    for name, found in seen.items():
        if name.endswith("_overflow"):
            assert found <= 0, name
        if name.endswith("_seconds"):
            assert found < 3, name
        if name.endswith("_violations"):
            assert [each for each in found if each[1] in SERIOUS] == [], name
