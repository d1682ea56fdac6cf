"""The generation engine from the command line: money, corrections, kills and secrets."""

from __future__ import annotations

import json
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from openai_stub import OpenAIStub, Reply
from own_process import Program

from emogen.journal import Journal

SECRET = "sk-planted-0123456789abcdef"
# A stubbed answer takes 7 prompt tokens and 5 answer tokens: it costs 0.005.
PRICES = 'as_of = 2026-01-01\n[per_million]\n"m" = [0.0, 1000.0]\n'


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return path


def test_dry_run(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub, prices: Path
) -> None:
    """`--dry-run` counts records, requests, tokens and money, shows three prompts, sends and writes nothing."""
    words = ["generate", records_file(4), "--backend", "openai:m", "--base-url", stub.url]
    ran = emogen(*words, "--out", tmp_path / "run", "--dry-run", "--prices", prices)
    assert ran.code == 0, ran.err
    assert "4 records, 8 requests; nothing was asked" in ran.out
    assert ran.out.count("===== ") == 3
    assert re.search(r"about [\d,]{4,} prompt tokens and 2,400 answer tokens", ran.out)
    assert "about 2.40 USD (prices as of 2026-01-01)" in ran.out
    assert stub.bodies == []
    assert not (tmp_path / "run").exists()


def test_dry_run_of_an_unknown_price(emogen: Emogen, records_file: Callable[..., Path]) -> None:
    """Where no price is known, the estimate says so instead of guessing."""
    ran = emogen("generate", records_file(1), "--backend", "openai:mystery", "--dry-run")
    assert ran.code == 0
    assert "cost unknown: no price for mystery; give one with --prices FILE" in ran.out


def test_max_cost(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub, prices: Path
) -> None:
    """`--max-cost` stops before the money is exceeded, keeps everything, and goes on once it is raised."""
    run = tmp_path / "run"
    words = ["generate", records_file(10), "--backend", "openai:m", "--base-url", stub.url, "--out", run]
    words += ["--types", "reasoning", "--prices", prices, "--max-tokens", 10]
    ran = emogen(*words, "--max-cost", 0.033)
    assert ran.code == 1
    # Nothing is sent unless the 0.01 that it may cost are left.
    assert len(stub.bodies) == 5
    assert "--max-cost: the next request may cost 0.0100, and of 0.033 are spent 0.0250" in ran.err
    assert "Raise it and run the same command again" in ran.err
    assert "kept 5: reasoning 5" in ran.out
    assert "cost so far 0.0250 USD" in ran.out
    again = emogen(*words, "--max-cost", 0.1)
    assert again.code == 0, again.err
    assert len(stub.bodies) == 10
    assert len({row["record"]["id"] for row in rows(run / "samples.jsonl")}) == 10
    assert "cost so far 0.0500 USD" in again.out


def test_max_cost_without_a_price(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub
) -> None:
    """A limit on money needs a price, and says how to give one."""
    words = ["generate", records_file(1), "--backend", "openai:m", "--base-url", stub.url]
    ran = emogen(*words, "--out", tmp_path / "run", "--max-cost", 1)
    assert ran.code == 2
    assert "--max-cost: the price of 'm' is unknown" in ran.err
    assert "--prices FILE" in ran.err
    assert stub.bodies == []


def test_a_correction(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub, prices: Path
) -> None:
    """An answer that cannot be read is shown to the model with what is wrong, and the second one is kept."""
    stub.plan = [Reply(text='{"question": "Why?"}')]
    words = ["generate", records_file(1), "--backend", "openai:m", "--base-url", stub.url]
    words += ["--types", "reasoning", "--prices", prices]
    ran = emogen(*words, "--out", tmp_path / "run")
    assert ran.code == 0, ran.err
    first, second = (body["messages"] for body in stub.bodies)
    assert second[: len(first)] == first
    assert [message["role"] for message in second[len(first) :]] == ["assistant", "user"]
    assert second[-2]["content"] == '{"question": "Why?"}'
    assert second[-1]["content"].startswith("That answer could not be used: ")
    assert (
        "answer" in second[-1]["content"].removeprefix("That answer could not be used: ").split(". Reply")[0]
    )
    (sample,) = rows(tmp_path / "run" / "samples.jsonl")
    assert sample["provenance"]["revision"] == 1
    assert sample["provenance"]["cost"] == pytest.approx(0.01)


def test_no_corrections(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub
) -> None:
    """`--corrections 0` asks once; the answer is rejected with its reason."""
    stub.default = Reply(text="Certainly.")
    words = ["generate", records_file(1), "--backend", "openai:m", "--base-url", stub.url]
    ran = emogen(*words, "--types", "reasoning", "--corrections", 0, "--out", tmp_path / "run")
    assert ran.code == 1
    assert len(stub.bodies) == 1
    (rejection,) = rows(tmp_path / "run" / "rejections.jsonl")
    assert (rejection["stage"], rejection["raw_answer"]) == ("parse", "Certainly.")


def test_killed(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub) -> None:
    """After kill -9 the same command asks no committed answer again, keeps every row once, and pays little twice."""
    run, in_flight = tmp_path / "run", 4
    stub.default = Reply(delay_s=0.02)
    words = ["generate", records_file(40), "--backend", "openai:m", "--base-url", stub.url, "--out", run]
    words += ["--types", "categorical,reasoning", "--in-flight", in_flight]
    with Program(*words) as process:
        deadline_s = time.monotonic() + 30
        while len(stub.bodies) < 20 and time.monotonic() < deadline_s:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    with Journal(run / "journal.sqlite") as journal:
        committed = len(list(journal.entries()))
    assert 0 < committed < 40
    before = len(stub.bodies)
    ran = emogen(*words)
    assert ran.code == 0, ran.err
    assert len(stub.bodies) - before == 40 - committed
    assert len(stub.bodies) - 40 <= in_flight
    found = Counter((row["record"]["id"], row["instruction"]) for row in rows(run / "samples.jsonl"))
    assert len(found) == 80
    assert set(found.values()) == {1}


def test_rebuild(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub) -> None:
    """`emogen rebuild` makes lost rows anew from the journal, asks nothing, and prints the counts."""
    run = tmp_path / "run"
    words = ["generate", records_file(2), "--backend", "openai:m", "--base-url", stub.url]
    assert emogen(*words, "--types", "reasoning", "--out", run).code == 0
    samples = (run / "samples.jsonl").read_bytes()
    (run / "samples.jsonl").unlink()
    ran = emogen("rebuild", run)
    assert (ran.code, ran.out) == (0, "kept 2: reasoning 2\nrejected 0\n")
    assert sorted((run / "samples.jsonl").read_bytes().splitlines()) == sorted(samples.splitlines())
    assert len(stub.bodies) == 2
    assert emogen("rebuild", tmp_path).code == 2


def test_one_bad_byte_costs_no_second_answer(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub
) -> None:
    """An answer with a byte that is no UTF-8, or with half a character, is read all the same."""
    from openai_stub import REASONING, completion

    whole = json.dumps(completion(REASONING.replace("The rocket", "The ZZ rocket"))).encode()
    stub.plan = [Reply(body=whole.replace(b"ZZ", b"\xff")), Reply(body=whole.replace(b"ZZ", b"\\\\ud83d"))]
    words = ["generate", records_file(2), "--backend", "openai:m", "--base-url", stub.url]
    ran = emogen(*words, "--types", "reasoning", "--in-flight", 1, "--out", tmp_path / "run")
    assert ran.code == 0, ran.err
    assert len(stub.bodies) == 2
    assert all(
        "The � rocket" in row["turns"][0]["answer"] for row in rows(tmp_path / "run" / "samples.jsonl")
    )


def test_a_secret_is_in_no_file(
    emogen: Emogen,
    tmp_path: Path,
    records_file: Callable[..., Path],
    stub: OpenAIStub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A key that the server repeats is in no file of the run folder while the run goes on, nor afterwards."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    run, seen, leaks = tmp_path / "run", set(), []

    keys: set[str] = set()

    def look() -> None:
        for path in run.rglob("*"):
            seen.add(path.name)
            leaks.extend([path.name] * path.read_bytes().count(SECRET.encode()))

    def echo(headers: Any) -> Reply:
        keys.add(headers["Authorization"])
        look()
        return Reply(text=f"I know {SECRET}.")

    def fail(headers: Any) -> Reply:
        return Reply(400, {"error": {"message": f"{SECRET} is odd"}})

    stub.plan = [echo, echo, fail, echo]
    words = ["generate", records_file(4), "--backend", "openai:m", "--base-url", stub.url]
    ran = emogen(*words, "--types", "categorical,reasoning", "--in-flight", 1, "--out", run)
    assert ran.code == 0, ran.err
    look()
    assert keys == {f"Bearer {SECRET}"}
    assert leaks == []
    assert {"journal.sqlite", "journal.sqlite-wal", "run.json", "rejections.jsonl"} <= seen
    assert b"I know ***." in (run / "journal.sqlite").read_bytes()
    assert SECRET not in ran.out + ran.err


def test_a_budget_of_tokens(
    stub: OpenAIStub, tmp_path: Path, emogen: Emogen, records_file: Callable[..., Path]
) -> None:
    """`--tokens-per-row` asks no correction that would go over it, and the rejection says so."""
    stub.default = Reply(text="Certainly.")
    words = ["generate", records_file(1), "--backend", "openai:m", "--base-url", stub.url]
    ran = emogen(*words, "--types", "reasoning", "--tokens-per-row", 20, "--out", tmp_path / "run")
    assert ran.code == 1
    assert len(stub.bodies) == 1
    (rejection,) = (tmp_path / "run" / "rejections.jsonl").read_text().splitlines()
    assert "not asked again" in rejection


def test_dry_run_of_what_is_left(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub, prices: Path
) -> None:
    """What the run folder holds, or its journal answers, is not counted; new answers are taken to be as long."""
    run = tmp_path / "run"
    words = ["generate", records_file(4), "--backend", "openai:m", "--base-url", stub.url, "--out", run]
    words += ["--prices", prices]
    assert emogen(*words, "--limit", 2).code == 0
    before = {path.name: path.read_bytes() for path in run.glob("*.json*")}
    ran = emogen(*words, "--dry-run")
    assert ran.code == 0, ran.err
    assert "4 records, 4 requests; nothing was asked" in ran.out
    assert f"not counted: 4 rows that {run} holds, 0 answers in its journal" in ran.out
    assert (
        "and 20 answer tokens, if answers are as long as those in the journal and none is corrected"
        in ran.out
    )
    assert "about 0.02 USD" in ran.out
    assert "record r2" in ran.out
    assert "record r0" not in ran.out
    ran = emogen(*words, "--dry-run", "--overwrite")
    assert "4 records, 4 requests; nothing was asked" in ran.out
    assert "not counted: 0 rows" in ran.out
    assert "4 answers in its journal" in ran.out
    with (run / "samples.jsonl").open("a") as samples:
        samples.write('{"record": {"id": "r2')
    assert "4 requests; nothing" in emogen(*words, "--dry-run").out
    assert (run / "samples.jsonl").read_bytes().endswith(b"r2")
    del before["samples.jsonl"]
    assert {path.name: path.read_bytes() for path in run.glob("*.json*") if path.name in before} == before
    assert len(stub.bodies) == 4


def test_dry_run_of_another_run(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub
) -> None:
    """A trial refuses the folder that the run would refuse."""
    words = [
        "generate",
        records_file(1),
        "--backend",
        "openai:m",
        "--base-url",
        stub.url,
        "--out",
        tmp_path / "run",
    ]
    assert emogen(*words).code == 0
    ran = emogen(*words, "--temperature", 1, "--dry-run")
    assert ran.code == 2
    assert "holds a run with other settings: parameters.temperature was None and is 1.0" in ran.err
    ran = emogen(*words, "--temperature", 1, "--dry-run", "--overwrite")
    assert "1 record, 2 requests; nothing was asked" in ran.out
