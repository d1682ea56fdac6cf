"""`make demo` in seconds: its own commands in their order, the answers of the real run replayed, a tiny model tuned."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import emogen.cli
import emovit_train.cli
from tests.emovit_train.conftest import tiny_folder  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "examples" / "demo"
KEPT: dict[str, Any] = json.loads((DEMO / "result.json").read_bytes())


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    """The demonstration's files, which import each other as programs in one folder do."""
    pytest.importorskip("skimage")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DEMO)
        names = ("photographs", "story", "demo", "readme")
        yield {name: importlib.import_module(name) for name in names}
        for name in names:
            patch.delitem(sys.modules, name)


def script(place: Path) -> Path:
    """Write down what the real demonstration's model said."""
    answers = [
        {
            "record_id": sample["record"]["id"],
            "instruction": sample["instruction"],
            "text": "\n".join(
                f"Question: {turn['question']}\nAnswer: {turn['answer']}" for turn in sample["turns"]
            ),
        }
        for sample in KEPT["samples"]
        if sample["instruction"] != "categorical"
    ] + [
        {key: row[key] for key in ("record_id", "instruction")} | {"text": row["raw_answer"]}
        for row in KEPT["rejections"]
    ]
    place.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    return place


@pytest.fixture(scope="module")
def result(
    modules: dict[str, ModuleType],
    tiny_folder: Path,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What the demonstration measured, its commands run in this process, with other models than its own."""
    place = tmp_path_factory.mktemp("demonstration")
    small = {"embedded": [f"scripted:{script(place / 'answers.jsonl')}"]}
    small["nano"] = [
        str(tiny_folder),
        "--max-steps",
        "30",
        "--batch-size",
        "8",
        "--lr",
        "3e-3",
        "--no-augment",
    ]
    programs = {
        "emogen": emogen.cli.app,
        "emovit_train": emovit_train.cli.app,
        "photographs.py": modules["photographs"].app,
    }

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        words = [each for word in command for each in small.get(word, [word])]
        if Path(words[0]).name.startswith("python"):
            words = words[1:]
        done = CliRunner().invoke(programs[Path(words[0]).name], words[1:], catch_exceptions=False)
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modules["demo"], "subprocess", SimpleNamespace(run=run, PIPE=subprocess.PIPE))
        modules["demo"].prepare(place / "demo")
        measured: dict[str, Any] = modules["demo"].run_steps(place / "demo")
    return measured


def test_it_ends_with_a_story(modules: dict[str, ModuleType], result: dict[str, Any]) -> None:
    """The loss falls, what is frozen stays, the checkpoint answers as before, and all of that is told."""
    assert modules["story"].failures(result) == []
    told = modules["story"].tell(result)
    assert "KEPT categorical 10" in told
    assert "memorised" in told
    assert json.loads(json.dumps(modules["readme"].slim(result)))["samples"]


def test_what_it_kept_would_be_kept_today(result: dict[str, Any]) -> None:
    """The checks keep and reject what README says of the real run's answers; else it needs `make readme`."""
    assert result["run"]["counts"] == KEPT["run"]["counts"]


def test_readme_is_what_was_measured(modules: dict[str, ModuleType]) -> None:
    """The marked blocks of README.md are written from examples/demo/result.json."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert modules["readme"].rendered(text, KEPT) == text
