"""The documentation's site: it is made without a warning, and opens without a network."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from own_environment import run

ROOT = Path(__file__).parents[1]
# What a browser would fetch by itself; a link that is clicked is another matter.
FETCHED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?P<src>[^\"' >]+)"
    r"|<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|preload|icon|preconnect))[^>]*\bhref=[\"']?(?P<href>[^\"' >]+)",
    re.IGNORECASE,
)


@pytest.mark.slow
def test_site_is_made_and_needs_no_network(tmp_path: Path) -> None:
    """`mkdocs build --strict` has no warning, every page fetches files of the site alone, and calls are described."""
    run(sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path, cwd=ROOT)
    pages = sorted(tmp_path.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        for found in FETCHED.finditer(page.read_text(encoding="utf-8")):
            place = found["src"] or found["href"]
            assert not re.match(r"(?:[a-z]+:)?//", place), f"{page.name} fetches {place}"
            if page.name != "404.html":
                assert (page.parent / place.partition("?")[0]).exists(), f"{page.name} fetches {place}"
    for style in tmp_path.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), style
    reference = (tmp_path / "api" / "emogen.html").read_text(encoding="utf-8")
    for name in (
        "emogen.generate",
        "emogen.complete",
        "emogen.schemas.ImageRecord",
        "emogen.errors.InputError",
    ):
        assert f'id="{name}"' in reference
    assert "Requests a minute." in reference
