"""The guides in docs/: their commands run, on small data sets of the layouts that they name."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from command_line import Emogen
from source_layouts import emoset_of

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)


def test_the_commands_of_the_data_guide(
    emogen: Emogen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command of docs/data.md does what the guide says of it."""
    monkeypatch.chdir(tmp_path)
    emoset_of(tmp_path / "EmoSet-118K", 4)
    Path("captions.json").write_text('{"awe_00000": "A bird."}')
    commands = [
        line
        for block in BLOCK.findall((ROOT / "docs" / "data.md").read_text(encoding="utf-8"))
        for line in block.splitlines()
    ]
    assert len(commands) >= 6
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "emogen"
        ran = emogen(*words)
        assert ran.code == 0, f"{command}\n{ran.err}"

    def images(name: str) -> set[str]:
        return {json.loads(line)["image"] for line in Path(name).read_text().splitlines()}

    assert len(images("emoset.jsonl")) == 32
    assert images("quarter.jsonl") < images("half.jsonl")
    assert len(images("balanced.jsonl")) == 16
