"""docs/generation.md: its commands run, its options are all there are, its price table is one."""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from batch_stub import BatchStub
from command_line import Emogen
from PIL import Image

from emogen.admission import Limits
from emogen.asking import ATTEMPTS
from emogen.estimates import CHARS_PER_TOKEN, EXPECTED_ANSWER_TOKENS
from emogen.patience import FAILURES, REFUSALS, RESUMED
from emogen.prices import price_of
from emogen.settings import setting_fields

GUIDE = (Path(__file__).parents[2] / "docs" / "generation.md").read_text("utf-8")
GONE = "127.0.0.1"
ENGINE = {"--engine", "--address", "--workers", "--shard-records"}
OWN = {"--config", "--dry-run", "--show-prompt", "--overwrite", *ENGINE}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture
def place(
    tmp_path: Path,
    records_file: Callable[..., Path],
    batch_stub: BatchStub,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A folder with what the guide names, and its model at the stub's address."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setattr("emogen.backends.server.DEFAULT_BASE_URL", batch_stub.url)
    batch_stub.ends_after = 1
    records_file(3)
    Path("photos").mkdir()
    for number in range(3):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(f"photos/r{number}.jpg")
    Path("run.yaml").write_text("records: records.jsonl\nbackend: gpt-6.1-sol\nout: runs/file\n")
    return tmp_path


def test_its_commands_run(emogen: Emogen, place: Path, batch_stub: BatchStub) -> None:
    """Each command does what the guide says, and nothing is asked twice."""
    # One of the servers is there, the others are not.
    here = {
        "--every 60": "--every 0.01",
        "http://node1:8000/v1": batch_stub.url,
        "node2": GONE,
        "node3": GONE,
    }
    commands = [
        shlex.split(re.sub("|".join(here), lambda found: here[found[0]], line), comments=True)
        for block in blocks("bash")
        for line in block.splitlines()
    ]
    assert len(commands) >= 14
    for program, *words in commands:
        assert program == "emogen"
        ran = emogen(*words)
        assert ran.code == 0, f"{words}\n{ran.err}"
    assert (place / "runs" / "half" / "samples.jsonl").read_text().count("\n") == 9
    assert (place / "runs" / "again" / "samples.jsonl").read_text().count("\n") == 9
    # Three records, two types: runs mine, own, seen, file, few and again ask online, half in a batch.
    assert len(batch_stub.bodies) == 6 * 6
    assert len(batch_stub.submitted()) == 6


def test_its_python_runs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The program prints what it was answered."""
    (source,) = blocks("python")
    (place / "program.py").write_text(source)
    runpy.run_path(str(place / "program.py"))
    printed = capsys.readouterr().out
    assert "r2/reasoning" in printed
    assert "smile text=" in printed


def test_every_option_is_in_its_table() -> None:
    """The table of options names each option of `emogen generate`, and none that is not there."""
    table = GUIDE.split("## Options")[1].split("## The run folder")[0]
    flags = {f"--{key[-1].removesuffix('_s').replace('_', '-')}" for key, _ in setting_fields()}
    assert set(re.findall(r"`(--[a-z-]+)`", table)) == (flags - {"--records"}) | OWN


def test_its_price_table_is_read(tmp_path: Path) -> None:
    """The price table that the guide shows is taken as it is."""
    (tmp_path / "mine.toml").write_text(blocks("toml")[0])
    price = price_of("my-model", tmp_path / "mine.toml")
    assert price is not None
    assert (price.prompt, price.answer, price.currency) == (0.5, 2.0, "USD")


def test_its_numbers_are_the_programs() -> None:
    """How often, how many and how long is what the code has."""
    assert (ATTEMPTS, CHARS_PER_TOKEN, EXPECTED_ANSWER_TOKENS) == (5, 4, 300)
    assert f"after {FAILURES} failures, or {REFUSALS} refusals in the same words; {RESUMED} where" in GUIDE
    assert Limits().in_flight == 64
