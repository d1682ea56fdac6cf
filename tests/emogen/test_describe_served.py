"""`emogen describe` by a model that sees behind a server: what is sent, kept, paid for and said when it goes wrong."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Emogen, Ran
from openai_stub import OpenAIStub, Reply, refuse
from PIL import Image

from emogen.perception.vocabularies import value_set
from emogen.schemas import ImageRecord
from emogen.sources import read_records

LADDER = ("json_schema", "function_call", "json_object")
COUNT = 6


def answer(**fields: object) -> str:
    said = {
        "caption": "A grey square.",
        "scene": "attic",
        "object": ["Hat"],
        "facial_expression": "none",
        "human_action": "none",
        **fields,
    }
    return json.dumps(said)


class Described:
    """Runs the one command of these tests, and reads what it wrote."""

    def __init__(self, emogen: Emogen, stub: OpenAIStub, folder: Path) -> None:
        self._emogen = emogen
        self.out = folder / "records.jsonl"
        self.words = ["describe", folder / "photos", "--no-objects", "--base-url", stub.url]
        self.words += ["--captioner", "api:openai:m", "--tagger", "api:openai:m", "--out", self.out]

    def __call__(self, *more: object) -> Ran:
        return self._emogen(*self.words, *more)

    @property
    def records(self) -> list[ImageRecord]:
        return list(read_records(self.out))

    @property
    def problems(self) -> list[dict[str, Any]]:
        path = self.out.with_name("records.problems.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def describe(emogen: Emogen, stub: OpenAIStub, tmp_path: Path) -> Described:
    (tmp_path / "photos").mkdir()
    random = np.random.default_rng(0)
    for number in range(COUNT):
        noise = random.integers(0, 256, (1200, 400, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"photos/{number}.png", compress_level=1)
    stub.default = Reply(text=answer())
    return Described(emogen, stub, tmp_path)


def test_what_is_sent(describe: Described, stub: OpenAIStub) -> None:
    """One request an image shows it, scaled down, and holds the answer to EmoSet's values by a schema."""
    ran = describe("--image-side", 300)
    assert ran.code == 0, ran.err
    assert len(stub.bodies) == COUNT
    for body in stub.bodies:
        (picture,) = [part for part in body["messages"][1]["content"] if part["type"] == "image_url"]
        kind, data = picture["image_url"]["url"].split(",")
        assert kind == "data:image/jpeg;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (100, 300)
        properties = body["response_format"]["json_schema"]["schema"]["properties"]
        assert list(properties) == ["caption", "scene", "object", "facial_expression", "human_action"]
        assert properties["scene"]["enum"] == [*value_set("scene"), "none"]
        assert properties["object"]["items"]["enum"] == list(value_set("object"))
    for record in describe.records:
        assert (record.caption, record.attributes.scene) == ("A grey square.", "attic")
        assert record.model_behind("caption") == record.model_behind("scene") == "stub-model-1"


@pytest.mark.parametrize("refused", [(), LADDER[:1], LADDER[:2], LADDER])
def test_down_the_ladder(describe: Described, stub: OpenAIStub, refused: tuple[str, ...]) -> None:
    """Whatever formats a server refuses, each image is described; the same command again sends nothing at all."""
    stub.rule = refuse(*refused)
    ran = describe()
    assert ran.code == 0, ran.err
    assert ran.err.count("note: m gives no answers as ") == len(refused)
    assert [record.attributes.scene for record in describe.records] == ["attic"] * COUNT
    before = describe.out.read_bytes()
    stub.bodies.clear()
    again = describe()
    assert (again.code, len(stub.bodies)) == (0, 0)
    assert describe.out.read_bytes() == before


def test_asked_once_more(describe: Described, stub: OpenAIStub) -> None:
    """A value that EmoSet has not is complained about once, by name; what is right by then is taken, the rest told."""
    stub.default = Reply(text=answer(scene="the moon"))
    ran = describe()
    assert ran.code == 0, ran.err
    first, again = ([body for body in stub.bodies if len(body["messages"]) == many] for many in (2, 4))
    assert len(first) == len(again) == COUNT
    for body in again:
        assert body["messages"][2] == {"role": "assistant", "content": answer(scene="the moon")}
        assert "'the moon' is none of the values of scene" in body["messages"][3]["content"]
        assert "data:image/jpeg" in json.dumps(body["messages"][1])
    for record in describe.records:
        assert (record.attributes.scene, record.attributes.object) == (None, ("Hat",))
    assert [problem["left_out"] for problem in describe.problems] == [False] * COUNT
    stub.bodies.clear()
    assert describe().code == 0
    assert stub.bodies == []


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text('as_of = 2026-01-01\ncurrency = "USD"\n[per_million]\nm = [1000.0, 1000.0]\n')
    return path


def test_the_money_is_used_up(describe: Described, stub: OpenAIStub, prices: Path) -> None:
    """`--max-cost` stops before it is exceeded and writes no half of a file; with more, the rest alone is asked for."""
    allowed = ["--prices", prices, "--in-flight", 1, "--image-side", 64]
    stub.default = Reply(
        body={
            "model": "m",
            "choices": [{"message": {"content": answer()}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5000, "completion_tokens": 1000},
        }
    )
    ran = describe(*allowed, "--max-cost", 20)
    assert ran.code == 1
    assert "--max-cost: the next request may cost" in ran.err
    assert "Raise it and run the same command again" in ran.err
    asked = len(stub.bodies)
    assert 0 < asked < COUNT
    assert not describe.out.exists()
    assert describe(*allowed, "--max-cost", 100).code == 0
    assert len(stub.bodies) == COUNT
    assert len(describe.records) == COUNT


def test_a_price_that_is_not_known(describe: Described, stub: OpenAIStub) -> None:
    """A limit on money for a model without a price is refused before anything is asked."""
    ran = describe("--max-cost", 1)
    assert ran.code == 2
    assert "--prices" in ran.err
    assert stub.bodies == []


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (Reply(401, {"error": {"message": "no such key"}}), 4, "no such key"),
        (Reply(404, {"error": {"message": "no model m"}}), 4, "no model m"),
        (Reply(400, {"error": {"message": "no images here"}}), 1, "no images here"),
    ],
)
def test_nobody_answers(describe: Described, stub: OpenAIStub, reply: Reply, code: int, said: str) -> None:
    """Where no request can succeed the command ends with the server's words; refusals of single images are listed."""
    stub.default = reply
    ran = describe()
    assert (ran.code, ran.err.count("error: ")) == (code, 1), ran.err
    assert said in ran.err
    assert describe.out.exists() is (code == 1)
    assert not {record.caption for record in (describe.records if code == 1 else ())} - {None}


def test_some_are_refused(describe: Described, stub: OpenAIStub) -> None:
    """One image that the server refuses is named with its words; the others are described, and kept for next time."""
    stub.plan = [Reply(400, {"error": {"message": "this image breaks our policy"}})]
    ran = describe("--in-flight", 1)
    assert ran.code == 1
    assert "1 images lack what a model was asked for" in ran.err
    (problem,) = describe.problems
    assert "this image breaks our policy" in problem["what"]
    assert [record.caption for record in describe.records].count(None) == 1
    stub.bodies.clear()
    assert describe().code == 0
    assert len(stub.bodies) == 1
    assert all(record.caption for record in describe.records)
    assert describe.problems == []
