"""A model behind an API: asked over the wire with the picture, journalled, capped, and resumable."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from openai_stub import OpenAIStub, Reply
from PIL import Image
from typer.testing import CliRunner

from emogen.errors import EmovitError, InputError
from emovit_train.cli import app
from emovit_train.evaluation.kept import PREDICTIONS

LABELS = ["amusement", "awe", "fear", "sadness"]


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    for number, emotion in enumerate(("awe", "fear", "sadness")):
        Image.new("RGB", (40, 30), (80 * number, 0, 0)).save(tmp_path / f"{number}.png")
        row = {"id": f"i{number}", "image": f"{number}.png", "emotion": emotion, "labels": LABELS}
        with (tmp_path / "records.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
    return tmp_path / "records.jsonl"


def evaluate(stub: OpenAIStub, records: Path, *words: object, model: str = "gpt-6.1-sol") -> Any:
    told = ("evaluate", records, "--backend", f"openai:{model}", "--base-url", stub.url)
    out = () if "--out" in words else ("--out", records.parent / "out")
    arguments = [str(word) for word in (*told, *out, *words)]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def rows(records: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (records.parent / "out" / PREDICTIONS).read_text().splitlines()]


def test_plain_and_revised_instruction(stub: OpenAIStub, records: Path) -> None:
    """Each picture is asked about once under each instruction, its pixels and the words go out, answers are read."""
    stub.default = Reply(text="Predicted emotion: awe.")
    ran = evaluate(stub, records, "--instruction", "plain", "--instruction", "revised", "--in-flight", 1)
    assert ran.exit_code == 0
    assert len(stub.bodies) == 6
    picture, words = stub.bodies[0]["messages"][0]["content"]
    assert words["text"] == "Which emotion does this image evoke?"
    sent = Image.open(io.BytesIO(base64.b64decode(picture["image_url"]["url"].partition(",")[2])))
    assert (sent.format, sent.size) == ("JPEG", (40, 30))
    kept = rows(records)
    assert [(row["item_id"], row["instruction"]) for row in kept] == [
        (f"i{number}", name) for name in ("plain", "revised") for number in range(3)
    ]
    assert {(row["answer"], row["strict"], row["lenient"], row["ranking"]) for row in kept} == {
        ("Predicted emotion: awe.", "awe", "awe", None)
    }
    result = json.loads((records.parent / "out" / "evaluation.json").read_text())
    assert result["splits"]["held-out, plain"]["accuracy_lenient"] == pytest.approx(1 / 3)
    assert result["splits"]["held-out, plain"]["accuracy_sum"] is None
    assert "lenient" in ran.output


def test_nothing_is_paid_for_twice(stub: OpenAIStub, records: Path) -> None:
    """The same command asks nothing; with the predictions thrown away, the journal still has every answer."""
    evaluate(stub, records)
    evaluate(stub, records)
    assert len(stub.bodies) == 3
    assert evaluate(stub, records, "--overwrite").exit_code == 0
    assert len(stub.bodies) == 3
    assert evaluate(stub, records, "--out", records.parent / "other").exit_code == 0
    assert len(stub.bodies) == 6


def test_cost_cap(stub: OpenAIStub, records: Path) -> None:
    """Before more than the cap might be spent nothing is sent; a raised cap goes on with what is left."""
    prices = records.parent / "prices.toml"
    prices.write_text('as_of = 2026-11-01\n[per_million]\n"mine" = [1000000.0, 1000000.0]\n')
    stub.default = Reply(text="awe")
    told = ("--prices", prices, "--max-new-tokens", 10, "--in-flight", 1)
    with pytest.raises(EmovitError, match="cost"):
        evaluate(stub, records, *told, "--max-cost", 1, model="mine")
    assert not stub.bodies
    assert evaluate(stub, records, *told, "--max-cost", 1e9, model="mine").exit_code == 0
    assert len(stub.bodies) == 3


def test_failed_and_filtered_pictures(stub: OpenAIStub, records: Path) -> None:
    """A request that failed is unfinished and asked again; a picture that the provider refuses says nothing."""
    filtered = {"error": {"message": "no", "code": "content_policy_violation"}}
    stub.plan = [Reply(400, {"error": {"message": "bad"}}), Reply(400, filtered)]
    stub.default = Reply(text="sadness")
    with pytest.raises(EmovitError, match="1 questions have no answer yet") as unfinished:
        evaluate(stub, records, "--in-flight", 1)
    assert unfinished.value.exit_code == 5
    # Which picture is ready to be asked about first is up to the machine.
    assert sorted((row["answer"], row["lenient"]) for row in rows(records)) == [
        ("", "unknown"),
        ("sadness", "sadness"),
    ]
    assert evaluate(stub, records).exit_code == 0
    assert len(rows(records)) == 3


def test_exactly_one_is_asked(stub: OpenAIStub, records: Path, tmp_path: Path) -> None:
    """Nobody, two at once, a model that is blind, and no place for results: each is told before anything is sent."""
    for words, said in (
        (("evaluate", records), "nobody is asked"),
        (("evaluate", records, "--backend", "x", "--model", "y"), "--model and --backend are given"),
        (("evaluate", records, "--backend", "gpt-6.1-sol"), "no folder for the results"),
        (("evaluate", records, "--backend", "embedded", "--out", tmp_path / "out"), "takes no images"),
    ):
        with pytest.raises(InputError, match=said):
            CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert not stub.bodies
