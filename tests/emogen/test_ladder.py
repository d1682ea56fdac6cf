"""`emogen generate` on a server that refuses answer formats: what it asks for instead, and what a resume knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from openai_stub import OpenAIStub, Reply, refuse

LADDER = ("json_schema", "function_call", "json_object")


@pytest.fixture
def words(stub: OpenAIStub, tmp_path: Path, records_file: Callable[..., Path]) -> list[object]:
    common = ["--backend", "openai:m", "--base-url", stub.url, "--types", "conversation,reasoning"]
    return ["generate", records_file(6), "--out", tmp_path / "run", "--in-flight", 4, *common]


def rows(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "run" / "samples.jsonl").read_text().splitlines()]


def structured(body: dict[str, Any]) -> bool:
    return bool({"tools", "response_format"} & set(body))


def test_down_to_text(stub: OpenAIStub, tmp_path: Path, emogen: Emogen, words: list[object]) -> None:
    """Where nothing structured is to be had, prompts are rendered anew for text, and every row says so."""
    stub.rule = refuse(*LADDER)
    ran = emogen(*words)
    assert ran.code == 0
    notes = [line for line in ran.err.splitlines() if line.startswith("note: m gives no answers as ")]
    assert [line.split()[6] for line in notes] == list(LADDER)
    assert [line.split("asking for ")[1].split()[0] for line in notes] == [*LADDER[1:], "text"]
    assert len(rows(tmp_path)) == 12
    for row in rows(tmp_path):
        assert row["provenance"]["answer_format"] == "text"
        assert row["provenance"]["attempts"] == 1
    answered = [body for body in stub.bodies if not structured(body)]
    assert len(answered) == 12
    assert all("JSON" not in str(body["messages"]) for body in answered)
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    assert manifest["parameters"]["answer_format"] == "json_schema"


@pytest.mark.parametrize("rungs", [1, 3])
def test_a_resume_goes_on_lower_down(
    stub: OpenAIStub, tmp_path: Path, emogen: Emogen, words: list[object], rungs: int
) -> None:
    """A run that goes on asks in the format that it had come to, and is refused nothing anew."""
    stub.rule = refuse(*LADDER[:rungs])
    assert emogen(*words, "--limit", 2).code == 0
    stub.bodies.clear()
    ran = emogen(*words)
    assert ran.code == 0
    assert "gives no answers" not in ran.err
    assert len(stub.bodies) == 8
    assert len({row["id"] if "id" in row else row["record"]["id"] for row in rows(tmp_path)}) == 6


def test_nothing_is_paid_for_twice(
    stub: OpenAIStub, tmp_path: Path, emogen: Emogen, words: list[object]
) -> None:
    """Made anew from the journal, all rows are found, on whichever rung they were answered; nobody is asked."""
    refused = refuse(*LADDER)
    stub.rule = lambda body: refused(body) if len(stub.bodies) > 5 else None
    assert emogen(*words).code == 0
    before = {row["provenance"]["prompt_sha256"] for row in rows(tmp_path)}
    assert {row["provenance"]["answer_format"] for row in rows(tmp_path)} == {"json_schema", "text"}
    stub.rule = lambda body: Reply(500)
    stub.bodies.clear()
    assert emogen(*words, "--overwrite").code == 0
    assert stub.bodies == []
    assert {row["provenance"]["prompt_sha256"] for row in rows(tmp_path)} == before


def test_a_forced_format_ends_the_run(
    stub: OpenAIStub, tmp_path: Path, emogen: Emogen, words: list[object]
) -> None:
    """`--answer-format` is never left silently: a server that refuses it ends the run with one line."""
    stub.rule = refuse("function_call")
    ran = emogen(*words, "--answer-format", "function_call")
    assert ran.code == 4
    assert "gives no answers as function_call" in ran.err
    assert "--answer-format" in ran.err
    assert not rows(tmp_path)
