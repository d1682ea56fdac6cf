"""docs/extending.md: its parts, installed as its package would be, do what its commands ask of them."""

from __future__ import annotations

import configparser
import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Emogen
from doc_blocks import ROOT, blocks_of, commands_of
from typer.testing import CliRunner

from emogen.backends import BACKENDS
from emogen.exporters import EXPORTERS
from emogen.instructions import INSTRUCTIONS
from emogen.registry import Registry
from emogen.sources import SOURCES
from emovit_train.evaluation.datasets import DATASETS

PAGE = ROOT / "docs" / "extending.md"
REGISTRIES: tuple[Registry[object], ...] = (BACKENDS, INSTRUCTIONS, EXPORTERS, SOURCES, DATASETS)  # type: ignore[assignment]
MODEL = """#!{python}
import json, sys
chat = json.load(sys.stdin)
assert chat[0]["role"] == "system" and "Awe" not in chat[-1]["content"], chat
once = "Question: What stands on the launch pad?\\nAnswer: A tall white rocket stands there.\\n"
twice = "Question: Is there a crowd?\\nAnswer: No, nobody can be seen.\\n"
said = "Steam drifts from the tanks and the arms are swung away, so the launch seems very near."
last = "Question: What may happen next?\\nAnswer: " + said + "\\n"
print(last if "single change" in chat[0]["content"] else once + twice + last)
"""


def forget(modules: list[str]) -> None:
    for registry in REGISTRIES:
        registry.__dict__.pop("_others", None)
        for name in ("program", "counterfactual", "qa", "sidecar", "named"):
            registry._loaded.pop(name, None)
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with what the guide names, and its package installed."""
    monkeypatch.chdir(tmp_path)
    modules = []
    for block in blocks_of(PAGE, "python"):
        module = block.text.split(".py:")[0].removeprefix('"""')
        (tmp_path / f"{module}.py").write_text(block.text)
        modules.append(module)
    (points,) = (block.text for block in blocks_of(PAGE, "toml"))
    info = tmp_path / "my_parts-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-parts\nVersion: 1.0\n")
    told = tomllib.loads(points)
    assert set(told["tool"]["setuptools"]["py-modules"]) == set(modules)
    entries = configparser.ConfigParser()
    entries.read_dict(told["project"]["entry-points"])
    with (info / "entry_points.txt").open("w") as file:
        entries.write(file)
    for folder, language in (("my-templates", "jinja"), ("my-seeds", "json")):
        (block,) = blocks_of(PAGE, language)
        Path(folder).mkdir()
        Path(folder, "counterfactual" + (".j2" if language == "jinja" else ".jsonl")).write_text(block.text)
    Path("my-model").write_text(MODEL.format(python=sys.executable))
    Path("my-model").chmod(0o755)
    for number in range(2):
        for folder, name in (("photos", f"r{number}"), ("faces", f"joy_{number}")):
            Path(folder).mkdir(exist_ok=True)
            Path(folder, f"{name}.jpg").write_bytes(b"\xff\xd8 %d" % number)
        Path(f"photos/r{number}.txt").write_text("awe\nA rocket stands on its launch pad under a wide sky.\n")
    Path("photos/r2.jpg").write_bytes(b"\xff\xd8 no text beside")
    monkeypatch.syspath_prepend(tmp_path)
    forget(modules)
    yield tmp_path
    forget(modules)


def test_its_parts_work(place: Path, emogen: Emogen) -> None:
    """Every command of the guide runs: source first, since the others read what it wrote."""
    from emovit_train.cli import app

    commands = commands_of(PAGE)
    reads = next(words for words in commands if words[1] == "records")
    told = emogen(*reads[1:])
    assert told.code == 1
    assert "r2.jpg" in told.err
    for program, *words in commands:
        if program == "emogen" and words[0] != "records":
            ran = emogen(*words)
            assert ran.code == 0, f"{words}\n{ran.err}"
        elif program == "emovit_train":
            checked = CliRunner().invoke(app, words, catch_exceptions=False)
            assert checked.exit_code == 0, checked.output
    gone = emogen("generate", "records.jsonl", "--backend", "program:./gone", "--out", "runs/gone")
    assert gone.code == 4
    assert "'./gone' cannot be run" in gone.err
    made = [json.loads(line) for line in Path("runs/program/samples.jsonl").read_text().splitlines()]
    assert [len(sample["turns"]) for sample in made] == [3, 3]
    assert made[0]["provenance"]["backend"] == "program"
    (first, _) = Path("runs/counterfactual/samples.jsonl").read_text().splitlines()
    assert json.loads(first)["provenance"]["seed_ids"] == ["empty-swing"]
    assert len(Path("qa.jsonl").read_text().splitlines()) == 6
    assert "joy_1.jpg" in checked.output
