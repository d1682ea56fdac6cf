"""Rebuilding a run from its journal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from openai_stub import OpenAIStub, Reply

from emogen.checks.findings import Examination, Examiner, Finding
from emogen.errors import InputError
from emogen.rebuilding import rebuild
from emogen.store import RunFolder, read_manifest

FILES = ("samples.jsonl", "rejections.jsonl")


def lines(run: Path) -> dict[str, list[bytes]]:
    return {name: (run / name).read_bytes().splitlines() for name in FILES}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


Make = Callable[..., Path]


@pytest.fixture
def make(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub) -> Make:
    """Generate a run of three records: nine samples, unless the stub's plan says otherwise."""

    def run(*words: object) -> Path:
        out = tmp_path / "run"
        base = ["generate", records_file(3), "--backend", "openai:m", "--base-url", stub.url, "--out", out]
        ran = emogen(*base, *words)
        assert ran.code == 0, ran.err
        return out

    return run


def test_nothing_changed(make: Make, stub: OpenAIStub) -> None:
    """Where no code changed every row has the same bytes; only their order may differ, and only the first time."""
    stub.plan = [Reply(text="I'd rather not."), Reply(400, {"error": {"message": "no"}})]
    run = make("--in-flight", 2)
    before, asked = lines(run), len(stub.bodies)
    kept, rejected = rebuild(run)
    first = lines(run)
    assert {name: sorted(found) for name, found in first.items()} == {
        name: sorted(found) for name, found in before.items()
    }
    assert len(first["rejections.jsonl"]) == rejected.total() >= 1
    rebuild(run)
    assert lines(run) == first
    assert len(stub.bodies) == asked
    manifest = read_manifest(run)
    assert manifest is not None
    assert manifest["counts"] == {"kept": dict(kept), "rejected": dict(rejected)}
    assert manifest["state"] == "complete"


def test_another_check(make: Make, stub: OpenAIStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that rejects more, and then one that rejects less, gives new outcomes without any request."""
    run = make()
    before, asked = lines(run), len(stub.bodies)
    finding = Finding("too_dull", "dull", "reject")
    monkeypatch.setattr(
        Examiner,
        "examine",
        lambda _, answer: Examination([finding] if answer.record.id == "r1" else [], {}),
    )
    kept, rejected = rebuild(run)
    assert (kept, rejected) == (
        Counter(categorical=3, conversation=2, reasoning=2),
        Counter(too_dull=2),
    )
    assert {row["record_id"] for row in rows(run / "rejections.jsonl")} == {"r1"}
    monkeypatch.undo()
    assert rebuild(run)[1] == Counter()
    assert sorted(lines(run)["samples.jsonl"]) == sorted(before["samples.jsonl"])
    assert len(stub.bodies) == asked


def test_another_parser(make: Make, stub: OpenAIStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that a better parser can read become samples, from the first answer that it reads."""
    from emogen.instructions.reasoning import Reasoning

    real = Reasoning.parse
    monkeypatch.setattr(Reasoning, "parse", lambda self, text: real(self, "nothing"))
    run = make("--types", "reasoning,categorical")
    assert len(rows(run / "rejections.jsonl")) == 3
    asked = len(stub.bodies)
    monkeypatch.undo()
    kept, rejected = rebuild(run)
    assert (kept, rejected) == (Counter(categorical=3, reasoning=3), Counter())
    reasoning = [row for row in rows(run / "samples.jsonl") if row["instruction"] == "reasoning"]
    assert {row["provenance"]["revision"] for row in reasoning} == {0}
    assert len(stub.bodies) == asked == 6


def test_rows_that_the_journal_does_not_know(make: Make) -> None:
    """Rows whose answers are in no journal stay as they are."""
    run = make()
    before = lines(run)
    for path in run.glob("journal.sqlite*"):
        path.unlink()
    (run / "journal.sqlite").touch()
    assert rebuild(run)[0].total() == 9
    assert sorted(lines(run)["samples.jsonl"]) == sorted(before["samples.jsonl"])


def test_answers_of_the_run_before(make: Make) -> None:
    """A folder that was started anew keeps the answers paid for before, and is rebuilt from its own alone."""
    make("--temperature", 0)
    run = make("--temperature", 1, "--overwrite", "--types", "reasoning")
    before = lines(run)
    assert rebuild(run)[0] == Counter(reasoning=3)
    assert sorted(lines(run)["samples.jsonl"]) == sorted(before["samples.jsonl"])


def test_a_killed_run(make: Make) -> None:
    """Half a last row, as a killed process leaves it, is no obstacle: its answer is in the journal."""
    run = make()
    before = lines(run)
    path = run / "samples.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    rebuild(run)
    found = lines(run)["samples.jsonl"]
    assert set(found) <= set(before["samples.jsonl"])
    assert len(found) >= 8


def test_a_run_that_is_open(make: Make) -> None:
    """A run folder that another process works on is refused and left alone."""
    run = make()
    before = lines(run)
    manifest = read_manifest(run)
    assert manifest is not None
    with RunFolder(run, manifest), pytest.raises(InputError, match="another process"):
        rebuild(run)
    assert lines(run) == before


def test_no_journal(tmp_path: Path) -> None:
    """A folder without a journal is refused, and none is made."""
    with pytest.raises(InputError, match="has no journal"):
        rebuild(tmp_path)
    assert list(tmp_path.iterdir()) == []
