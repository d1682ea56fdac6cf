from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hub_stub import HubStub
from source_layouts import IMAGES, arrow_folder, emoset, parquet_folder

from emogen.errors import InputError
from emogen.sources import detect, read_records

READ = """
import sys
from emogen.errors import EmovitError
from emogen.sources import read_records
try:
    for record in read_records(sys.argv[1]):
        print(record.model_dump_json())
except EmovitError as error:
    sys.exit(f"error: {error}")
"""


def read(stub: HubStub, cache: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Read a data set in a process of its own: the Hub's package takes its address from the environment, once."""
    env = {**os.environ, "HF_ENDPOINT": stub.url, "HF_HOME": str(cache), "HF_HUB_DISABLE_TELEMETRY": "1"}
    return subprocess.run([sys.executable, "-c", READ, name], env=env, capture_output=True, text=True)


@pytest.mark.parametrize("make", [parquet_folder, arrow_folder])
def test_downloads_once_and_says_so_before(tmp_path: Path, make: Any) -> None:
    """What is downloaded, and how much, is said; the next reading downloads nothing and gives the same records."""
    with HubStub(make(tmp_path / "data")) as stub:
        first = read(stub, tmp_path / "cache", "hf:me/tiny")
        fetched = len(stub.fetched)
        second = read(stub, tmp_path / "cache", "hf:me/tiny")
    assert first.returncode == 0, first.stderr
    assert "MB, of me/tiny from the Hugging Face Hub" in first.stderr
    assert "of me/tiny" not in second.stderr
    assert fetched == len(stub.fetched) > 0
    assert first.stdout == second.stdout
    assert [json.loads(line)["id"] for line in first.stdout.splitlines()] == [name for _, _, name in IMAGES]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("hf:me/missing", "the Hub does not give it"), ("hf:me/tiny", "holds neither Parquet nor Arrow files")],
)
def test_what_the_hub_cannot_give(tmp_path: Path, name: str, expected: str) -> None:
    """A data set that is not there, or in another layout, is one line with the remedy."""
    with HubStub(emoset(tmp_path / "data")) as stub:
        ran = read(stub, tmp_path / "cache", name)
    assert f"error: {name}: {expected}" in ran.stderr
    assert "ownload" in ran.stderr


@pytest.mark.parametrize("name", ["hf:tiny", "hf:", "hf:me/tiny/data", "hf:../x"])
def test_names_that_are_none(name: str) -> None:
    """A name that the Hub cannot know is refused before anything is asked."""
    assert detect(name) == "hub"
    with pytest.raises(InputError, match="Write hf:owner/name"):
        next(read_records(name))
