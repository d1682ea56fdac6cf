"""What makes a run repeatable."""

from __future__ import annotations

from pathlib import Path

import pytest

from emogen.manifest import manifest_of
from emogen.opening import renderer_of
from emogen.settings.reading import read_settings


@pytest.mark.parametrize(("records", "root"), [("data/records.jsonl", "../../data"), ("data", "../../data")])
def test_the_manifest_knows_where_the_images_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: str, root: str
) -> None:
    """`image_root` leads from the run folder to what image paths are relative to, for a file and for a folder."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    settings = read_settings({"records": records, "out": "runs/one", "types": "reasoning"})
    manifest = manifest_of(settings, None, renderer_of(settings))
    assert manifest["image_root"] == root
    assert set(manifest["templates"]) == set(manifest["seeds"]) == {"reasoning"}
    assert manifest["versions"]["pydantic"]
