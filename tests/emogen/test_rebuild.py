"""Rebuilding a run from its journal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from openai_stub import REASONING, OpenAIStub, Reply

from emogen.checks.findings import Examination, Examiner, Finding
from emogen.errors import InputError
from emogen.rebuilding import rebuild
from emogen.store import RunFolder, read_manifest

FILES = ("samples.jsonl", "rejections.jsonl")
ANSWER = json.loads(REASONING)["answer"]


def lines(run: Path) -> dict[str, list[bytes]]:
    return {name: (run / name).read_bytes().splitlines() for name in FILES}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


Make = Callable[..., Path]


@pytest.fixture
def make(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub) -> Make:
    """Generate a run of three records: nine samples, unless the stub's plan says otherwise."""

    def run(*words: object, **fields: Any) -> Path:
        out = tmp_path / "run"
        base = [
            "generate",
            records_file(3, **fields),
            "--backend",
            "openai:m",
            "--base-url",
            stub.url,
            "--out",
            out,
        ]
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


def test_a_correction_that_was_not_asked(make: Make, stub: OpenAIStub) -> None:
    """A rejection says once more why the model was not asked again; a higher limit says so no longer."""
    stub.plan = [Reply(text="Certainly.")]
    run = make("--types", "reasoning", "--in-flight", 1, "--tokens-per-row", 20)
    before = lines(run)
    (rejection,) = rows(run / "rejections.jsonl")
    assert "not asked again: " in rejection["detail"]
    rebuild(run)
    assert sorted(lines(run)["samples.jsonl"]) == sorted(before["samples.jsonl"])
    assert lines(run)["rejections.jsonl"] == before["rejections.jsonl"]


def test_a_correction_that_is_still_to_be_asked(make: Make, stub: OpenAIStub) -> None:
    """A row whose process was killed before its correction is not made of the first answer; the run asks on."""
    stub.plan = [Reply(text="Certainly.")]
    stub.rule = lambda body: Reply(400) if body["messages"][-2]["content"] == "Certainly." else None
    run = make("--types", "reasoning", "--in-flight", 1)
    assert len(rows(run / "rejections.jsonl")) == 1
    # The correction failed: the first answer stands.
    assert rebuild(run) == (Counter(reasoning=2), Counter(unreadable=1))
    # As after a kill: the answer is in the journal, and no row was made of it.
    (run / "rejections.jsonl").unlink()
    assert rebuild(run) == (Counter(reasoning=2), Counter())
    asked = len(stub.bodies)
    stub.rule = lambda body: None
    make("--types", "reasoning", "--in-flight", 1)
    assert len(stub.bodies) == asked + 1
    assert stub.bodies[-1]["messages"][-2]["content"] == "Certainly."
    revisions = sorted(row["provenance"]["revision"] for row in rows(run / "samples.jsonl"))
    assert revisions == [0, 0, 1]


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


def test_fewer_records_than_before(make: Make, stub: OpenAIStub) -> None:
    """What a run that was started anew with fewer records left out does not come back, its own rows do."""
    make()
    run = make("--overwrite", "--limit", 1)
    before, asked = lines(run), len(stub.bodies)
    assert rebuild(run)[0] == Counter(categorical=1, conversation=1, reasoning=1)
    assert sorted(lines(run)["samples.jsonl"]) == sorted(before["samples.jsonl"])
    make("--limit", 2, "--temperature", 1, "--overwrite")
    (run / "samples.jsonl").unlink()
    assert rebuild(run)[0] == Counter(conversation=2, reasoning=2)
    assert len(stub.bodies) == asked + 4


def test_records_that_changed_and_changed_back(make: Make, stub: OpenAIStub) -> None:
    """A row is made anew from the answer to its own prompt, not from a newer one to what the record said meanwhile."""
    words = ("--types", "reasoning", "--overwrite")
    stub.default = Reply(text=json.dumps({"question": "Why so calm?", "answer": ANSWER}))
    run = make(*words)
    before = lines(run)
    stub.default = Reply(text=json.dumps({"question": "Why so loud?", "answer": ANSWER}))
    make(*words, caption="A crowd shouts in a narrow street.")
    make(*words)
    assert sorted(lines(run)["samples.jsonl"]) == sorted(before["samples.jsonl"])
    rebuild(run)
    assert sorted(lines(run)["samples.jsonl"]) == sorted(before["samples.jsonl"])


def test_by_other_checks(make: Make, emogen: Emogen, tmp_path: Path, stub: OpenAIStub) -> None:
    """The run's own checks make it anew, until a run file says others, which are then the run's own."""
    (tmp_path / "strict.yaml").write_text("checks: {length: {answer_words: {reasoning: [700, 800]}}}\n")
    run = make("--types", "reasoning")
    before, asked = lines(run), len(stub.bodies)
    ran = emogen("rebuild", run, "--config", tmp_path / "strict.yaml")
    assert (ran.code, ran.out) == (0, "kept 0\nrejected 3: length 3\n"), ran.err
    manifest = read_manifest(run)
    assert manifest is not None
    assert manifest["settings"]["checks"]["length"]["answer_words"]["reasoning"] == [700, 800]
    assert rebuild(run)[1] == Counter(length=3)
    (tmp_path / "plain.yaml").write_text("seed: 0\n")
    assert emogen("rebuild", run, "--config", tmp_path / "plain.yaml").code == 0
    assert sorted(lines(run)["samples.jsonl"]) == sorted(before["samples.jsonl"])
    assert len(stub.bodies) == asked
    (tmp_path / "plain.yaml").write_text("checks:\n  lenght: {}\n")
    ran = emogen("rebuild", run, "--config", tmp_path / "plain.yaml")
    assert ran.code == 2
    assert "plain.yaml:2: checks.lenght: unknown check 'lenght'. Did you mean 'length'?" in ran.err


SEEDS = """\
{"id": "swing", "caption": "An empty swing hangs over a puddle.", "emotion": "sadness", "turns": [{"kind": \
"reasoning", "question": "What is missing here?", "answer": "Children are missing under this rusty old swing, and the \
silent playground around it seems to wait for their laughter."}]}
"""
COPIED = {
    "question": "What is missing here?",
    "answer": "The rocket stands alone. Children are missing under this rusty old swing, and it waits.",
}


def test_copies_are_known_long_after(make: Make, stub: OpenAIStub, tmp_path: Path) -> None:
    """What an answer repeats of an example of the user's is found again when that file is long gone."""
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    (seeds / "reasoning.jsonl").write_text(SEEDS)
    stub.plan = [Reply(text=json.dumps(COPIED))]
    run = make("--types", "reasoning", "--seeds", seeds, "--in-flight", 1)
    (rejection,) = rows(run / "rejections.jsonl")
    assert rejection["reason"] == "seed_copy"
    assert "'swing'" in rejection["detail"]
    assert json.loads(rejection["raw_answer"]) == COPIED
    assert [row["scores"]["seed_copy"] for row in rows(run / "samples.jsonl")] == [0, 0]

    (seeds / "reasoning.jsonl").unlink()
    seeds.rmdir()
    before = lines(run)
    rebuild(run)
    assert {name: sorted(found) for name, found in lines(run).items()} == {
        name: sorted(found) for name, found in before.items()
    }
