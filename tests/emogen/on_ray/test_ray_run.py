"""A whole run by shards, desk and workers, in one process: the same as without, whatever dies or runs out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from one_process import Workers, connected
from openai_stub import OpenAIStub, Reply, refuse

import emogen.terminal
from emogen.journal import Journal
from emogen.on_ray.desk import Parcel
from emogen.on_ray.worker import ShardWorker

PRICES = 'as_of = 2026-01-01\n[per_million]\n"m" = [0.0, 1000.0]\n'
GUIDE = Path(__file__).parents[3] / "docs" / "scaling.md"
RAY = ("--engine", "ray", "--shard-records", 4)


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    found = Workers()
    monkeypatch.setattr("emogen.on_ray.cluster.connected", connected)
    monkeypatch.setattr("emogen.on_ray.generating.run_pool", found.run_pool)
    # A worker hands its notes over; this process has a terminal of its own.
    monkeypatch.setattr("emogen.terminal._take_note", emogen.terminal._say_note)
    monkeypatch.setattr("emogen.on_ray.serving.note", emogen.terminal._say_note)
    return found


def rows(run: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    for row in found:
        # They say more about the moment than about the row.
        for name in ("latency_s", "answered_at"):
            row["provenance"].pop(name, None)
    return sorted(found, key=lambda row: (row["record"]["id"], row["instruction"]))


def test_the_rows_are_the_same(
    emogen: Emogen, workers: Workers, records_file: Callable[..., Path], stub: OpenAIStub, tmp_path: Path
) -> None:
    """All types, corrections among them; the journal holds every answer, and `rebuild` makes the same of it."""
    stub.rule = lambda body: (
        None if len(body["messages"]) > 6 else Reply(text="{}") if "r3" in str(body) else None
    )
    words = ["generate", records_file(9), "--backend", "openai:m", "--base-url", stub.url]
    assert emogen(*words, "--out", tmp_path / "local").code == 0
    ran = emogen(*words, "--out", tmp_path / "ray", *RAY)
    assert ran.code == 0, ran.err
    assert "kept 27: categorical 9, conversation 9, reasoning 9" in ran.out
    assert rows(tmp_path / "ray") == rows(tmp_path / "local")
    assert emogen("rebuild", tmp_path / "ray").code == 0
    assert rows(tmp_path / "ray") == rows(tmp_path / "local")


def test_the_guide_s_commands(
    emogen: Emogen,
    workers: Workers,
    records_file: Callable[..., Path],
    stub: OpenAIStub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On one machine, then on a cluster: the second command finds the run made, and asks nothing again."""
    monkeypatch.chdir(tmp_path)
    records_file(3)
    lines = [line for line in GUIDE.read_text("utf-8").splitlines() if line.startswith("emogen generate")]
    commands = [shlex.split(line) for line in lines if "--vllm" not in line]
    assert len(commands) == 2
    for _, *words in commands:
        ran = emogen(*(stub.url if word.startswith("http://gpus") else word for word in words))
        assert ran.code == 0, ran.err
    assert len(stub.bodies) == 6
    assert len(rows(Path("runs/mine"))) == 9


def test_a_worker_that_dies_costs_what_was_in_flight(
    emogen: Emogen, workers: Workers, records_file: Callable[..., Path], stub: OpenAIStub, tmp_path: Path
) -> None:
    """Another takes its shard, makes each row once, and asks again only what had no durable answer."""
    workers.dies_when = lambda: len(stub.bodies) >= 12
    stub.default = Reply(delay_s=0.05)
    words = ["generate", records_file(40), "--backend", "openai:m", "--base-url", stub.url]
    words += ["--types", "reasoning", "--in-flight", 4, "--out", tmp_path / "ray"]
    ran = emogen(*words, "--engine", "ray", "--shard-records", 40)
    assert ran.code == 0, ran.err
    made = rows(tmp_path / "ray")
    assert len(made) == len({row["record"]["id"] for row in made}) == 40
    assert 40 <= len(stub.bodies) <= 44


def test_what_is_answered_is_not_asked_again(
    emogen: Emogen, workers: Workers, records_file: Callable[..., Path], stub: OpenAIStub, tmp_path: Path
) -> None:
    """Started anew, a run takes the answers of its journal, whichever engine asked for them."""
    words = ["generate", records_file(6), "--backend", "openai:m", "--base-url", stub.url]
    words += ["--types", "reasoning", "--out", tmp_path / "run"]
    assert emogen(*words).code == 0
    again = emogen(*words, "--overwrite", *RAY)
    assert "6 answers came from the journal, at no cost" in again.out
    assert len(stub.bodies) == 6
    assert emogen(*words, *RAY).code == 0
    assert len(rows(tmp_path / "run")) == 6


def test_what_a_worker_says_twice_counts_once(
    emogen: Emogen,
    workers: Workers,
    records_file: Callable[..., Path],
    stub: OpenAIStub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a broken line everything is sent again; what is said in the end is what was."""
    once = ShardWorker._hand_in

    async def twice(worker: ShardWorker, parcel: Parcel) -> Any:
        await once(worker, parcel)
        return await once(worker, parcel)

    words = ["generate", records_file(3), "--backend", "openai:m", "--base-url", stub.url]
    words += ["--out", tmp_path / "run", *RAY]
    monkeypatch.setattr(ShardWorker, "_hand_in", twice)
    first = emogen(*words)
    assert "kept 9: categorical 3, conversation 3, reasoning 3" in first.out
    assert "6 answers came from the journal" in emogen(*words, "--overwrite").out
    assert len(rows(tmp_path / "run")) == 9


def test_money_ends_a_run_as_it_does_without(
    emogen: Emogen, workers: Workers, records_file: Callable[..., Path], stub: OpenAIStub, tmp_path: Path
) -> None:
    """The same message and the same exit code; what was paid for is kept, and the rest comes with more money."""
    (tmp_path / "prices.toml").write_text(PRICES)
    words = ["generate", records_file(10), "--backend", "openai:m", "--base-url", stub.url]
    words += ["--types", "reasoning", "--prices", tmp_path / "prices.toml", "--max-tokens", 10]
    words += ["--out", tmp_path / "run", *RAY]
    ran = emogen(*words, "--max-cost", 0.033)
    assert ran.code == 1
    assert "--max-cost: the next request may cost 0.0100, and of 0.033 are spent 0.0250" in ran.err
    assert len(stub.bodies) == 5
    assert "cost so far 0.0250 USD" in ran.out
    with Journal(tmp_path / "run" / "journal.sqlite") as journal:
        assert journal.spent() == pytest.approx(0.025)
    assert emogen(*words, "--max-cost", 1).code == 0
    assert len(stub.bodies) == 10


def test_a_server_that_answers_nothing_ends_it(
    emogen: Emogen, workers: Workers, records_file: Callable[..., Path], stub: OpenAIStub, tmp_path: Path
) -> None:
    """An error that ends a worker's work ends the run, with its own words and exit code."""
    stub.default = Reply(status=401, body={"error": {"message": "no such key"}})
    words = ["generate", records_file(3), "--backend", "openai:m", "--base-url", stub.url]
    ran = emogen(*words, "--types", "reasoning", "--out", tmp_path / "run", *RAY)
    assert ran.code == 4
    assert "no such key" in ran.err or "refuses" in ran.err
    assert "Traceback" not in ran.err


def test_the_way_answers_are_asked_for_is_said_once(
    emogen: Emogen, workers: Workers, records_file: Callable[..., Path], stub: OpenAIStub, tmp_path: Path
) -> None:
    """Each worker finds out what the server refuses; the user reads it once."""
    stub.rule = refuse("json_schema")
    words = ["generate", records_file(12), "--backend", "openai:m", "--base-url", stub.url]
    ran = emogen(*words, "--types", "reasoning", "--out", tmp_path / "run", *RAY)
    assert ran.code == 0, ran.err
    assert ran.err.count("gives no answers as json_schema") == 1


def test_a_bug_in_a_worker_keeps_its_traceback(
    emogen: Emogen,
    workers: Workers,
    records_file: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is shown where the command was started."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("emogen.on_ray.worker.generate", broken)
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a bug"):
        emogen("generate", records_file(1), "--types", "categorical", "--out", tmp_path / "run", *RAY)
