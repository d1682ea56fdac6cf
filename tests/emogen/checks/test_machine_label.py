from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from openai_stub import REASONING

from emogen.checks import Answer, Fault
from emogen.checks.machine_label import check
from emogen.checks.settings import DEFAULT_CHECKS
from emogen.schemas import Completion, ImageRecord, Turn

TYPES = ["--types", "categorical,reasoning"]


@pytest.mark.parametrize(
    ("origin", "found"),
    [("model:clip", ["awe is the word of clip"]), ("metadata.jsonl", []), ("folder", []), (None, [])],
)
def test_whose_word_it_is(origin: str | None, found: list[str]) -> None:
    """Only an emotion that a model chose is flagged; one of metadata, or of an unknown origin, is not."""
    said = {"origin": {"emotion": origin}} if origin else {}
    record = ImageRecord(id="a", image="a.jpg", emotion="awe", caption="A dog.", **said)
    turn = Turn(question="What is it?", answer="A dog.", kind="basic")
    answer = Answer(record, "conversation", [turn], Completion(text="", model="m"))
    seen = list(check(answer, DEFAULT_CHECKS.machine_label))
    assert [fault.detail for fault in seen if isinstance(fault, Fault)] == found


@pytest.fixture
def run(tmp_path: Path, emogen: Emogen) -> Path:
    """A run about one image that a person labelled, and one that a model did."""
    rows: list[dict[str, Any]] = [{"id": name, "image": f"{name}.jpg", "emotion": "awe", "caption": "A rocket."}
            for name in ("person", "machine")]  # fmt: skip
    rows[1]["origin"] = {"emotion": "model:clip"}
    records, script = tmp_path / "records.jsonl", tmp_path / "answers.jsonl"
    records.write_text("".join(json.dumps(row) + "\n" for row in rows))
    script.write_text(f"{json.dumps({'text': REASONING})}\n" * 2)
    folder = tmp_path / "run"
    words = ["--backend", f"scripted:{script}", "--answer-format", "json_schema", *TYPES]
    ran = emogen("generate", records, *words, "--out", folder)
    assert ran.code == 0, ran.err
    return folder


def flags(run: Path) -> dict[tuple[str, str], list[str]]:
    rows = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    return {
        (row["record"]["id"], row["instruction"]): [flag for flag in row["flags"] if flag == "machine_label"]
        for row in rows
    }


def test_it_can_be_left_out(run: Path, emogen: Emogen, tmp_path: Path) -> None:
    """Samples of a machine's label are flagged, categorical ones too, also by a rebuild, and an export drops them."""
    expected = {
        (name, kind): ["machine_label"] if name == "machine" else []
        for name in ("person", "machine")
        for kind in ("categorical", "reasoning")
    }
    assert flags(run) == expected
    assert emogen("rebuild", run).code == 0
    assert flags(run) == expected
    out = tmp_path / "llava.json"
    words = ["export", run, "--format", "llava", "--out", out, "--flags", "drop:machine_label"]
    ran = emogen(*words)
    assert ran.code == 0, ran.err
    assert {row["image"] for row in json.loads(out.read_text())} == {"person.jpg"}


def test_it_can_be_rejected(run: Path, emogen: Emogen, tmp_path: Path) -> None:
    """With the action `reject`, no sample is made of such a label, whatever the instruction type."""
    settings = tmp_path / "run.yaml"
    settings.write_text("checks:\n  machine_label:\n    action: reject\n")
    ran = emogen("rebuild", run, "--config", settings)
    assert ran.code == 0, ran.err
    assert set(flags(run)) == {("person", "categorical"), ("person", "reasoning")}
    rejected = [json.loads(line) for line in (run / "rejections.jsonl").read_text().splitlines()]
    assert {(row["instruction"], row["reason"]) for row in rejected} == {
        ("categorical", "machine_label"),
        ("reasoning", "machine_label"),
    }
