"""Batches from the command line: submitted, looked at, collected, and cut off anywhere."""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from batch_stub import BatchStub, Fault, answered, not_run, refused
from command_line import Emogen, Ran
from openai_stub import REASONING
from own_process import Program

from emogen.lock import locked

SECRET = "sk-planted-0123456789abcdef"
# A stubbed answer takes 7 prompt tokens and 5 answer tokens: it costs 0.005, and half of that in a batch.
PRICES = 'as_of = 2026-01-01\n[per_million]\n"m" = [0.0, 1000.0]\n'


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class Batches:
    """The commands on one run folder."""

    def __init__(self, emogen: Emogen, tmp_path: Path, records: Path, url: str) -> None:
        self.run = tmp_path / "run"
        prices = tmp_path / "prices.toml"
        prices.write_text(PRICES)
        self._emogen = emogen
        self.options: list[object] = [records, "--backend", "openai:m", "--base-url", url, "--out", self.run]
        self.options += ["--prices", prices, "--types", "reasoning", "--max-tokens", 10]

    def submit(self, *words: object) -> Ran:
        return self._emogen("batch", "submit", *self.options, *words)

    def generate(self, *words: object) -> Ran:
        return self._emogen("generate", *self.options, *words)

    def status(self, *words: object) -> Ran:
        return self._emogen("batch", "status", self.run, *words)

    def collect(self) -> Ran:
        return self._emogen("batch", "collect", self.run)

    def cancel(self) -> Ran:
        return self._emogen("batch", "cancel", self.run)

    def samples(self) -> list[dict[str, Any]]:
        return rows(self.run / "samples.jsonl")

    def rejections(self) -> list[dict[str, Any]]:
        return rows(self.run / "rejections.jsonl")

    def state(self) -> str:
        return str(json.loads((self.run / "run.json").read_text())["state"])


@pytest.fixture
def batches(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], batch_stub: BatchStub
) -> Batches:
    return Batches(emogen, tmp_path, records_file(4), batch_stub.url)


def test_the_way(batches: Batches, batch_stub: BatchStub, emogen: Emogen) -> None:
    """Submit, status and collect make the samples that `generate` would, at half the price, and it asks nothing."""
    ran = batches.submit("--types", "categorical,reasoning")
    assert ran.code == 0, ran.err
    assert "4 requests in 1 batch" in ran.out
    assert "batch 1 (batch_1): 4 requests" in ran.out
    assert f"emogen batch status {batches.run} --wait" in ran.out
    assert batches.state() == "submitted"
    looked = batches.status()
    assert (looked.code, looked.err) == (5, "")
    assert "batch 1 (batch_1): in_progress, 0 of 4 answered" in looked.out
    batch_stub.end()
    looked = batches.status()
    assert looked.code == 0
    assert looked.out.endswith(f"completed, 4 of 4 answered\nnext: emogen batch collect {batches.run}\n")
    ran = batches.collect()
    assert ran.code == 0, ran.err
    assert "kept 8: categorical 4, reasoning 4" in ran.out
    assert "cost so far 0.0100 USD" in ran.out
    assert "missing" not in ran.out
    assert batches.state() == "complete"
    asked = [row for row in batches.samples() if row["instruction"] == "reasoning"]
    assert {row["provenance"]["cost"] for row in asked} == {0.0025}
    ran = batches.generate("--types", "categorical,reasoning")
    assert ran.code == 0, ran.err
    assert batch_stub.bodies == []
    assert len(batches.samples()) == 8
    assert "batch 1 (batch_1): collected" in batches.status().out
    before = sorted(map(str, batches.samples()))
    assert emogen("rebuild", batches.run).code == 0
    assert sorted(map(str, batches.samples())) == before


def test_online_and_batch_are_one(batches: Batches, batch_stub: BatchStub) -> None:
    """What was answered online is not submitted, what was answered in a batch is not asked online."""
    assert batches.generate("--limit", 1).code == 0
    assert batches.submit("--limit", 3).code == 0
    assert len(batch_stub.submitted()) == 2
    batch_stub.end()
    # The samples are made by `generate`, with the answers of the batch and one of its own.
    assert batches.collect().code == 0
    ran = batches.generate("--overwrite")
    assert ran.code == 0, ran.err
    assert "3 answers came from the journal, at no cost" in ran.out
    assert len(batch_stub.bodies) == 2
    assert len(batches.samples()) == 4


def test_dry_run(batches: Batches, batch_stub: BatchStub) -> None:
    """`--dry-run` counts requests, batches, bytes, tokens and money at the batch price, sends and writes nothing."""
    ran = batches.submit("--dry-run", "--requests-per-batch", 3)
    assert ran.code == 0, ran.err
    assert "4 requests in 2 batches, 0.0 MB, would be submitted; nothing was sent" in ran.out
    assert re.search(r"about [\d,]{4,} prompt tokens and 1,200 answer tokens", ran.out)
    # 300 tokens are expected of an answer, and no more than 10 allowed.
    assert "about 0.60 and at most 0.02 USD, at the price of a batch (prices as of 2026-01-01)" in ran.out
    assert batch_stub.calls == []
    assert not batches.run.exists()
    assert batches.submit().code == 0
    assert "nothing is missing" in batches.submit("--dry-run").out


def test_max_cost(batches: Batches, batch_stub: BatchStub) -> None:
    """`--max-cost` refuses what might exceed it, before anything is sent; what is under way counts in."""
    ran = batches.submit("--max-cost", 0.019)
    assert ran.code == 1
    assert "--max-cost: these 4 requests may cost 0.0200; of 0.019 are spent 0.0000" in ran.err
    assert batch_stub.calls == []
    assert batches.submit("--max-cost", 0.01, "--limit", 2).code == 0
    assert batches.submit("--max-cost", 0.019).code == 1
    assert batches.submit("--max-cost", 0.02).code == 0
    assert len(batch_stub.submitted()) == 4


def test_an_unknown_price(batches: Batches, batch_stub: BatchStub) -> None:
    """Without a price the estimate says so, and a limit on money is refused."""
    batches.options += ["--backend", "openai:mystery"]
    assert "cost unknown: no price for mystery" in batches.submit("--dry-run").out
    ran = batches.submit("--max-cost", 1)
    assert ran.code == 2
    assert "the price of 'mystery' is unknown" in ran.err
    assert batch_stub.calls == []


@pytest.mark.parametrize("backend", ["embedded", "scripted:x", "azure:m"])
def test_a_backend_without_batches(
    emogen: Emogen,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    records_file: Callable[..., Path],
    backend: str,
) -> None:
    """Who takes no batches is refused, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    Path("x").write_text('{"text": "Nice."}\n')
    monkeypatch.setenv("OPENAI_API_VERSION", "2026-01-01")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:9")
    ran = emogen("batch", "submit", records_file(1), "--backend", backend, "--out", "run")
    assert ran.code == 2
    assert f"--backend: {backend} takes no batches" in ran.err
    assert not Path("run").exists()


def test_collecting_too_early(batches: Batches, batch_stub: BatchStub) -> None:
    """Collecting takes what has ended, says what has not, and ends with 5; later it takes the rest."""
    assert batches.submit("--requests-per-batch", 2).code == 0
    ran = batches.collect()
    assert ran.code == 5
    assert "4 requests are in batches that have not ended" in ran.err
    batch_stub.end(which="batch_2")
    ran = batches.collect()
    assert ran.code == 5
    assert "kept 2: reasoning 2" in ran.out
    assert "2 requests are in batches that have not ended" in ran.err
    assert batches.state() == "submitted"
    batch_stub.end()
    assert batches.collect().code == 0
    assert [row["record"]["id"] for row in batches.samples()] == ["r2", "r3", "r0", "r1"]


def test_nothing_submitted(batches: Batches, emogen: Emogen, tmp_path: Path) -> None:
    """A folder without batches is said to be one, and none is made of it."""
    for command in ("status", "collect", "cancel"):
        ran = emogen("batch", command, tmp_path / "nowhere")
        assert ran.code == 2
        assert "nothing was submitted from this folder" in ran.err
    assert not (tmp_path / "nowhere").exists()


def test_expired(batches: Batches, batch_stub: BatchStub) -> None:
    """What a batch answered before it expired is kept; the rest is named, and submitted again by the same command."""
    assert batches.submit().code == 0
    batch_stub.end("expired", lambda i, line: answered(line) if i < 1 else not_run(line))
    ran = batches.collect()
    assert ran.code == 0, ran.err
    assert "expired, 1 of 4 answered, 3 failed" in ran.out
    assert "1 answers are in the journal, 3 not answered (batch_expired 3)" in ran.out
    assert "3 answers are missing: batch_expired 3" in ran.out
    assert "emogen batch submit" in ran.out
    assert [row["reason"] for row in batches.rejections()] == ["batch_expired"] * 3
    assert batches.submit().code == 0
    assert len(batch_stub.requests("batch_2")) == 3
    batch_stub.end()
    assert batches.collect().code == 0
    assert len(batches.samples()) == 4
    assert batches.rejections() == []


def test_failed_requests_are_asked_online(batches: Batches, batch_stub: BatchStub) -> None:
    """`generate` asks one by one what a batch did not answer, and only that."""
    assert batches.submit().code == 0
    batch_stub.end(answer=lambda i, line: refused(line, message="too odd") if i < 2 else answered(line))
    assert batches.collect().code == 0
    assert {row["detail"] for row in batches.rejections()} == {"HTTP 400: too odd"}
    assert batches.generate().code == 0
    assert len(batch_stub.bodies) == 2
    assert len(batches.samples()) == 4
    assert batches.rejections() == []


def test_a_correction(batches: Batches, batch_stub: BatchStub) -> None:
    """An unreadable answer leaves its row open: the correction goes into the next batch, or is asked online."""
    assert batches.submit("--limit", 2).code == 0
    batch_stub.end(answer=lambda i, line: answered(line, "Certainly."))
    ran = batches.collect()
    assert ran.code == 1
    assert "2 answers are missing: correction of an unreadable answer 2" in ran.out
    assert batches.rejections() == []
    assert batches.submit("--limit", 1).code == 0
    batch_stub.end(answer=lambda i, line: answered(line, "Sure.") if i else answered(line))
    assert batches.collect().code == 0
    assert batches.generate("--limit", 2).code == 0
    assert len(batch_stub.bodies) == 1
    assert [row["provenance"]["revision"] for row in batches.samples()] == [1, 1]
    assert [row["provenance"]["cost"] for row in batches.samples()] == [0.005, 0.0075]


def test_a_failed_batch(batches: Batches, batch_stub: BatchStub) -> None:
    """The errors of a batch that failed as a whole are shown; its requests can be submitted again."""
    assert batches.submit().code == 0
    message = "Enqueued token limit reached for m."
    batch_stub.end(
        "failed", lambda i, line: None, errors=[{"code": "token_limit_exceeded", "message": message}]
    )
    ran = batches.status()
    assert ran.code == 0
    assert f"  token_limit_exceeded: {message}" in ran.out
    ran = batches.collect()
    assert ran.code == 1
    assert "4 answers are missing: batch_failed 4" in ran.out
    assert batches.submit("--requests-per-batch", 1).code == 0
    assert len(batch_stub.batches) == 5


def test_a_format_that_is_refused(batches: Batches, batch_stub: BatchStub) -> None:
    """Where the provider does not do an answer format, the next batch asks in the next best one, down to text."""
    wanted: dict[str, Callable[[dict[str, Any]], bool]] = {
        "response_format json_schema": lambda body: (
            body.get("response_format", {}).get("type") == "json_schema"
        ),
        "tools": lambda body: "tools" in body,
        "response_format json_object": lambda body: body.get("response_format") == {"type": "json_object"},
    }
    for name, is_asked in wanted.items():
        assert batches.submit("--limit", 2).code == 0
        batch_id = list(batch_stub.batches)[-1]
        assert all(is_asked(line["body"]) for line in batch_stub.requests(batch_id))
        batch_stub.end(
            answer=lambda i, line, name=name: refused(line, message=f"{name} is not supported by this model")
        )
        ran = batches.collect()
        assert ran.code == 1
        assert "format_refused 2" in ran.out
    assert batches.submit("--limit", 2).code == 0
    right = json.loads(REASONING)
    text = f"Question: {right['question']}\nAnswer: {right['answer']}"
    batch_stub.end(answer=lambda i, line: answered(line, text))
    ran = batches.collect()
    assert ran.code == 0, ran.out
    assert {row["provenance"]["answer_format"] for row in batches.samples()} == {"text"}
    # The run goes on so online.
    assert batches.generate().code == 0
    assert all("response_format" not in body and "tools" not in body for body in batch_stub.bodies)
    assert len(batch_stub.bodies) == 2


def test_a_forced_format_that_is_refused(batches: Batches, batch_stub: BatchStub) -> None:
    """The user's own choice of a format is not left; the reason says what the provider said."""
    batches.options += ["--answer-format", "json_schema"]
    for _ in range(2):
        assert batches.submit("--limit", 1).code == 0
        batch_stub.end(answer=lambda i, line: refused(line, message="response_format is not supported"))
        assert batches.collect().code == 1
    (rejection,) = batches.rejections()
    assert rejection["reason"] == "format_refused"
    assert rejection["detail"] == "HTTP 400: response_format is not supported"


def test_garbled_lines(batches: Batches, batch_stub: BatchStub) -> None:
    """Lines that cannot be used are counted, shown and kept; the others are not lost."""
    assert batches.submit().code == 0
    batch_stub.end(answer=lambda i, line: b'{"custom_id": "\xff' if i == 1 else answered(line))
    ran = batches.collect()
    assert ran.code == 0
    assert "1 lines could not be used" in ran.err
    assert len(batches.samples()) == 3
    assert (batches.run / "batches" / "0001.unread").read_bytes() == b'{"custom_id": "\xff\n'


def test_cancel(batches: Batches, batch_stub: BatchStub) -> None:
    """A batch that is cancelled goes on until the provider says that it ended; what it answered is kept."""
    assert batches.submit("--requests-per-batch", 2).code == 0
    batch_stub.end(which="batch_1")
    ran = batches.cancel()
    assert ran.code == 0, ran.err
    assert "batch 1 (batch_1): completed\nbatch 2 (batch_2): cancelling\n" in ran.out
    assert batches.status().code == 5
    batch_stub.end("cancelled", lambda i, line: None if i else answered(line), which="batch_2")
    assert batches.collect().code == 0
    assert len(batches.samples()) == 3
    assert [row["reason"] for row in batches.rejections()] == ["batch_cancelled"]


def test_wait(batches: Batches, batch_stub: BatchStub) -> None:
    """`status --wait` looks again until all batches have ended, whatever fails meanwhile, and then shows them."""
    assert batches.submit("--requests-per-batch", 2).code == 0
    down = Fault(lambda: web.json_response({}, status=503, headers={"retry-after-ms": "1"}))
    batch_stub.faults["retrieve"] = [down] * 7
    batch_stub.ends_after = 2
    ran = batches.status("--wait", "--every", 0.02)
    assert ran.code == 0, ran.err
    assert "answered: 4/4  2 of 2 batches have ended" in ran.err
    assert ran.out.endswith(f"next: emogen batch collect {batches.run}\n")


def test_generate_beside_open_batches(batches: Batches, batch_stub: BatchStub) -> None:
    """What is in a batch is not asked online a second time: `generate` refuses, and says what to do."""
    assert batches.submit().code == 0
    for words in ((), ("--overwrite",)):
        ran = batches.generate(*words)
        assert ran.code == 2
        assert "4 requests are in batches that were not collected yet" in ran.err
        assert f"emogen batch collect {batches.run}" in ran.err
    assert batch_stub.bodies == []
    batch_stub.end()
    assert batches.collect().code == 0
    assert batches.generate().code == 0


def test_two_processes(batches: Batches, batch_stub: BatchStub) -> None:
    """While one process writes into a run folder, others that would are refused; looking is always possible."""
    assert batches.submit().code == 0
    batch_stub.end(which="batch_1")
    with locked(batches.run):
        for ran in (batches.submit(), batches.collect(), batches.cancel()):
            assert ran.code == 2
            assert "another process is writing into this run folder" in ran.err
        assert batches.status().code == 0
    assert batch_stub.calls.count("create") == 1
    # What is refused begins nothing.
    assert "content_of" not in batch_stub.calls


def test_other_settings(batches: Batches, batch_stub: BatchStub) -> None:
    """Batches of other settings are not mixed into a folder whose answers were not even collected."""
    assert batches.submit().code == 0
    ran = batches.submit("--temperature", 1)
    assert ran.code == 2
    assert "holds a run with other settings: parameters" in ran.err
    assert len(batch_stub.batches) == 1


def test_collecting_elsewhere(
    batches: Batches, batch_stub: BatchStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, emogen: Emogen
) -> None:
    """What was submitted with relative paths is collected from anywhere, even after all was moved together."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (tmp_path / "records.jsonl").rename(old / "records.jsonl")
    (tmp_path / "prices.toml").rename(old / "prices.toml")
    monkeypatch.chdir(old)
    words = ["records.jsonl", "--backend", "openai:m", "--base-url", batch_stub.url, "--out", "runs/mine"]
    ran = emogen("batch", "submit", *words, "--prices", "prices.toml", "--types", "reasoning")
    assert ran.code == 0, ran.err
    batch_stub.end()
    old.rename(new)
    monkeypatch.chdir(tmp_path)
    ran = emogen("batch", "collect", new / "runs" / "mine")
    assert ran.code == 0, ran.err
    assert len(rows(new / "runs" / "mine" / "samples.jsonl")) == 4


def test_records_that_are_gone(batches: Batches, batch_stub: BatchStub, tmp_path: Path) -> None:
    """Answers are fetched first: where the records have gone, they are in the journal all the same."""
    assert batches.submit().code == 0
    batch_stub.end()
    (tmp_path / "records.jsonl").rename(tmp_path / "moved.jsonl")
    ran = batches.collect()
    assert ran.code == 2
    assert "records.jsonl" in ran.err
    batches.options[0] = tmp_path / "moved.jsonl"
    assert batches.generate("--overwrite").code == 0
    assert batch_stub.bodies == []
    assert len(batches.samples()) == 4


class Killer:
    """Runs a command in a process of its own, and kills it when the provider is called."""

    def __init__(self, stub: BatchStub) -> None:
        self._stub = stub
        self._process: Program | None = None
        self._started, self._ended = threading.Event(), threading.Event()

    def kill_at(self, call: str, when: Any) -> None:
        self._stub.faults[call] = [Fault(self._kill, when)]

    def _kill(self) -> None:
        self._started.wait()
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._ended.wait()

    def run(self, *words: object) -> int:
        with Program(*words) as process:
            self._process = process
            self._ended.clear()
            self._started.set()
            try:
                return process.wait()
            finally:
                self._ended.set()
                self._started.clear()


# aiohttp's server leaves the file of an upload open whose sender is killed meanwhile.
@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["upload", "create", "content_of"])
def test_killed(batches: Batches, batch_stub: BatchStub, call: str, when: str) -> None:
    """After kill -9 at any call, the same commands ask each request once and keep each answer once."""
    killer = Killer(batch_stub)
    killer.kill_at(call, when)
    code = killer.run("batch", "submit", *batches.options, "--requests-per-batch", 2)
    if call == "content_of":
        assert code == 0
        batch_stub.end()
        code = killer.run("batch", "collect", batches.run)
    assert code == -signal.SIGKILL
    ran = batches.submit("--requests-per-batch", 2)
    assert ran.code == 0, ran.err
    batch_stub.end()
    ran = batches.collect()
    assert ran.code == 0, ran.err
    ids = batch_stub.submitted()
    assert len(ids) == len(set(ids)) == 4
    assert len(batch_stub.batches) == 2
    # Nothing lies about there that no batch uses.
    assert {batch["input_file_id"] for batch in batch_stub.batches.values()} == {
        file_id for file_id, file in batch_stub.files.items() if file.name.startswith("emogen-")
    }
    assert sorted(row["record"]["id"] for row in batches.samples()) == ["r0", "r1", "r2", "r3"]


def test_collecting_after_a_kill_adopts(batches: Batches, batch_stub: BatchStub) -> None:
    """`collect` finds the batch that a killed process had just created; `status` says that it was cut off."""
    killer = Killer(batch_stub)
    killer.kill_at("create", "after")
    assert killer.run("batch", "submit", *batches.options) == -signal.SIGKILL
    ran = batches.status()
    assert "batch 1 (no name): not created (creating)" in ran.out
    assert "a submission was cut off" in ran.out
    batch_stub.end()
    assert batches.collect().code == 0
    assert len(batches.samples()) == 4
    assert batch_stub.calls.count("create") == 1


def test_interrupted(batches: Batches, batch_stub: BatchStub) -> None:
    """Ctrl-C while waiting ends with 130 and one line; the batches go on."""
    assert batches.submit().code == 0
    with Program("batch", "status", batches.run, "--wait", "--every", 0.05) as process:
        while batch_stub.calls.count("retrieve") < 3 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert process.poll() == 130
    assert err.splitlines()[-1] == "interrupted; the batches go on without this command."
    assert "Traceback" not in err


def test_a_secret_is_in_no_file(
    batches: Batches, batch_stub: BatchStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that the provider repeats in answers, errors and refusals is in no file of the run, nor printed."""
    monkeypatch.setenv("MY_KEY", SECRET)
    batches.options += ["--api-key-env", "MY_KEY"]
    printed, leaks, seen = [], [], set()

    def look() -> None:
        for path in filter(Path.is_file, batches.run.rglob("*")):
            seen.add(path.name)
            leaks.extend([path.name] * path.read_bytes().count(SECRET.encode()))

    def refuse() -> web.Response:
        look()
        return web.json_response({"error": {"message": f"{SECRET} is odd"}}, status=401)

    def answer(i: int, line: dict[str, Any]) -> Any:
        return [
            answered(line, f"I know {SECRET}."),
            refused(line, message=f"{SECRET} is odd"),
            b'{"custom_id": "%s' % SECRET.encode(),
            answered(line),
        ][i]

    batch_stub.faults["create"] = [Fault(refuse)]
    printed += batches.submit()
    printed += batches.submit()
    batch_stub.faults["content_of"] = [Fault(look), Fault(look, "after")]
    errors = [{"code": "odd", "message": f"{SECRET} is odd"}]
    batch_stub.end(answer=answer, errors=errors)
    printed += batches.status()
    ran = batches.collect()
    printed += ran
    look()
    assert ran.code == 0, ran.err
    assert batch_stub.keys == {f"Bearer {SECRET}"}
    assert leaks == []
    assert {"journal.sqlite", "batches.sqlite", "0001.jsonl", "0001.unread", "rejections.jsonl"} <= seen
    assert b"I know ***." in (batches.run / "journal.sqlite").read_bytes() + _wal(batches.run)
    assert "*** is odd" in "".join(map(str, printed))
    assert SECRET not in "".join(map(str, printed))


def test_a_missing_key(batches: Batches, batch_stub: BatchStub, emogen: Emogen, records_file: Any) -> None:
    """Without a key OpenAI is not asked, and nothing is written; an estimate needs none."""
    ran = emogen("batch", "submit", records_file(1), "--backend", "gpt-6-luna", "--out", batches.run)
    assert ran.code == 4
    assert "no key in the environment variable OPENAI_API_KEY" in ran.err
    assert not batches.run.exists()
    ran = emogen("batch", "submit", records_file(1), "--backend", "gpt-6-luna", "--dry-run")
    assert ran.code == 0, ran.err
    assert "2 requests in 1 batch" in ran.out


def test_a_disk_that_refuses(batches: Batches, batch_stub: BatchStub) -> None:
    """Where the files cannot be written, nothing is sent."""
    batches.run.mkdir()
    (batches.run / "batches").write_text("not a folder")
    ran = batches.submit()
    assert ran.code == 2
    assert str(batches.run / "batches") in ran.err
    assert batch_stub.calls == []


def _wal(run: Path) -> bytes:
    path = run / "journal.sqlite-wal"
    return path.read_bytes() if path.exists() else b""
