"""`emogen generate --config`: a run file says what options say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Emogen


@pytest.fixture
def run_file(tmp_path: Path, records_file: Callable[..., Path]) -> Callable[[str], Path]:
    """Write a run file that makes the categorical type of three records."""
    records_file(3)

    def write(text: str = "") -> Path:
        path = tmp_path / "run.yaml"
        path.write_text(f"records: records.jsonl\nout: run\ntypes: [categorical]\n{text}")
        return path

    return write


def test_a_run_from_a_file(
    emogen: Emogen, tmp_path: Path, run_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file alone is enough, from any folder."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    ran = emogen("generate", "--config", run_file("labels: [awe, no, fear]\n"))
    assert ran.code == 0, ran.err
    samples = [json.loads(line) for line in (tmp_path / "run" / "samples.jsonl").read_text().splitlines()]
    assert len(samples) == 3
    assert "awe, no and fear" in samples[0]["turns"][0]["question"]


def test_options_win(emogen: Emogen, tmp_path: Path, run_file: Callable[..., Path]) -> None:
    """An option that was given wins over the file, even where it says the default, and even over a wrong value."""
    config = run_file("limit: 2\nseed: 7\ncorrections: many\n")
    ran = emogen("generate", "--config", config, "--out", tmp_path / "mine", "--seed", 0, "--corrections", 1)
    assert ran.code == 0, ran.err
    manifest = json.loads((tmp_path / "mine" / "run.json").read_text())
    assert manifest["seed"] == 0
    assert manifest["counts"]["kept"] == {"categorical": 2}
    assert not (tmp_path / "run").exists()


def test_the_same_run_by_file_and_by_options(
    emogen: Emogen, tmp_path: Path, run_file: Callable[..., Path]
) -> None:
    """A run begun by a file goes on by options: they are one and the same run."""
    assert emogen("generate", "--config", run_file("limit: 1\n")).code == 0
    words = ["generate", tmp_path / "records.jsonl", "--types", "categorical", "--out", tmp_path / "run"]
    ran = emogen(*words)
    assert ran.code == 0, ran.err
    assert "kept 3: categorical 3" in ran.out


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("limits: {in_flight: 0}\n", [], "run.yaml:4: limits.in_flight: not above 0 (got 0)"),
        ("limits: {in_flight: 2}\n", ["--in-flight", 0], "--in-flight: not above 0 (got 0)"),
        (
            "prompts:\n  seeds: nowhere\n",
            ["--types", "reasoning"],
            "run.yaml:5: prompts.seeds: no such folder",
        ),
        ("", ["--seeds", "nowhere"], "--seeds: no such folder"),
        (
            "backend: embedded\nlimits:\n  in_flight: 8\n",
            [],
            "run.yaml:6: limits.in_flight: the embedded backend",
        ),
    ],
)
def test_errors_name_the_place(
    emogen: Emogen,
    tmp_path: Path,
    run_file: Callable[..., Path],
    text: str,
    options: list[str],
    expected: str,
) -> None:
    """What is wrong in the file is named by its line, what is wrong in an option by the option."""
    ran = emogen("generate", "--config", run_file(text), *options)
    assert ran.code == 2
    assert expected in ran.err
    assert not (tmp_path / "run").exists()
