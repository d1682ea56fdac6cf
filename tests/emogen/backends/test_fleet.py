"""Several servers of one model, asked as if they were one: who is given what, and what happens when one fails."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from openai_stub import OpenAIStub, Reply

from emogen.admission import Admission, Limits
from emogen.asking import Answered, Asker
from emogen.backends import BackendOptions, RequestError, open_backend
from emogen.errors import BackendError
from emogen.schemas import Message, Prompt

GONE = "http://127.0.0.1:9/v1"
BROKEN = Reply(503, {"error": {"message": "the engine has died"}})

Ask = Callable[..., Awaitable[list[Answered]]]


@pytest.fixture
def stubs() -> Iterator[list[OpenAIStub]]:
    with ExitStack() as stack:
        yield [stack.enter_context(OpenAIStub()) for _ in range(3)]


@pytest.fixture
def ask(stubs: list[OpenAIStub]) -> Ask:
    """Ask a fleet, the three stubs by default, `count` questions; return what was answered."""

    async def run(count: int, *, urls: tuple[str, ...] = (), way: str = "openai", **options: Any) -> Any:
        given = {"base_url": urls or tuple(stub.url for stub in stubs), "in_flight": 6, **options}
        backend = open_backend(f"{way}:m", BackendOptions(**given))
        asker = Asker(backend, Admission(Limits(in_flight=backend.in_flight)))
        try:
            return await asyncio.gather(*(asker.ask(question(number)) for number in range(count)))
        finally:
            await backend.aclose()

    return run


def question(number: int) -> Prompt:
    ask = Message(role="user", content=f"What is {number}?")
    return Prompt(record_id=f"r{number}", instruction="free", messages=(ask,))


def lines(err: str) -> list[str]:
    """Return what was said about servers, without their addresses."""
    return [" ".join(line.split()[2:]) for line in err.splitlines() if line.startswith("note: http")]


@pytest.mark.parametrize("way", ["openai", "openai-sdk"])
async def test_the_work_is_shared(ask: Ask, stubs: list[OpenAIStub], way: str) -> None:
    """Requests go to the server with the fewest under way, none with more than its share."""
    for stub in stubs:
        stub.default = Reply(delay_s=0.01)
    assert len(await ask(30, way=way)) == 30
    assert all(len(stub.bodies) >= 5 for stub in stubs)
    assert all(stub.most_at_once <= 2 for stub in stubs)


async def test_a_slow_server(ask: Ask, stubs: list[OpenAIStub]) -> None:
    """A slow server holds its own share, and the others answer nearly all meanwhile."""
    stubs[0].default = Reply(delay_s=0.5)
    begin = time.monotonic()
    await ask(60)
    # One after the other in its two places, it would have had a third of them for 5 s.
    assert time.monotonic() - begin < 2.5
    assert len(stubs[0].bodies) < 10


@pytest.mark.parametrize("way", ["openai", "openai-sdk"])
async def test_a_server_that_is_not_there(
    ask: Ask, stubs: list[OpenAIStub], capsys: pytest.CaptureFixture[str], way: str
) -> None:
    """A server that refuses connections costs no request an attempt, and is told once."""
    answered = await ask(20, urls=(GONE, stubs[0].url, stubs[1].url), way=way)
    assert [answer.attempts for answer in answered] == [1] * 20
    said = lines(capsys.readouterr().err)
    assert len(said) == 1
    assert said[0].startswith("is taken out (")
    assert said[0].endswith("; 2 of 3 servers are in use")


async def test_killed_and_back(
    ask: Ask,
    stubs: list[OpenAIStub],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a server that dies was asked goes to the others; once it is there again, it takes its share."""
    monkeypatch.setattr("emogen.backends.fleet_member.FIRST_PAUSE_S", 0.05)
    for stub in stubs:
        stub.default = Reply(delay_s=0.02)
    killed = stubs[1]
    asking = asyncio.create_task(ask(200))
    await wait_until(lambda: len(killed.bodies) > 5)
    await asyncio.to_thread(killed.die)
    before = len(killed.bodies)
    await wait_until(lambda: len(stubs[0].bodies) > 25)
    await asyncio.to_thread(killed.revive)
    answered = await asking
    assert {answer.attempts for answer in answered} == {1}
    assert len(killed.bodies) > before + 5
    # In flight were two, which were asked twice.
    asked = Counter(json.dumps(body) for stub in stubs for body in stub.bodies)
    assert len(asked) == 200
    assert sum(asked.values()) <= 202
    out, back = lines(capsys.readouterr().err)
    assert out.startswith("is taken out (")
    assert back == "is back; 3 of 3 servers are in use"


async def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about")


async def test_failures_in_a_row(
    ask: Ask, stubs: list[OpenAIStub], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers nothing but errors is taken out after three; one on trial, after one more."""
    monkeypatch.setattr("emogen.backends.fleet_member.FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr("emogen.asking.FIRST_PAUSE_S", 0.01)
    stubs[2].default = BROKEN
    for stub in stubs[:2]:
        stub.default = Reply(delay_s=0.02)
    answered = await ask(60)
    # Two places and three failures in a row: at most three requests have used up an attempt.
    assert sum(answer.attempts - 1 for answer in answered) <= 3
    assert 3 <= len(stubs[2].bodies) <= 10
    said = lines(capsys.readouterr().err)
    assert said == ["is taken out (HTTP 503: the engine has died); 2 of 3 servers are in use"]


async def test_time_outs_in_a_row(
    ask: Ask, stubs: list[OpenAIStub], capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that hangs is taken out; what it had when that was clear goes on without using up an attempt."""
    stubs[0].default = Reply(delay_s=5)
    answered = await ask(24, timeout_s=0.5, in_flight=12)
    # Four are with it at once: two use up an attempt before the third makes it clear. One that is freed may be taken.
    assert sum(answer.attempts - 1 for answer in answered) == 2
    assert 4 <= len(stubs[0].bodies) <= 6
    assert lines(capsys.readouterr().err)[0].startswith("is taken out (no answer in time")


async def test_a_full_server(ask: Ask, stubs: list[OpenAIStub]) -> None:
    """What one server refuses with 429 goes to another at once, and nobody waits for it."""
    stubs[0].default = Reply(429, headers={"Retry-After": "30"})
    begin = time.monotonic()
    answered = await ask(40)
    assert time.monotonic() - begin < 5
    assert {answer.attempts for answer in answered} == {1}
    # It asked to be left alone.
    assert len(stubs[0].bodies) <= 2


async def test_all_are_full(ask: Ask, stubs: list[OpenAIStub]) -> None:
    """Where every server asks to wait, requests wait, and use up no attempt."""
    for stub in stubs:
        stub.plan = [Reply(429, headers={"retry-after-ms": "100"})] * 3
    answered = await ask(12)
    assert {answer.attempts for answer in answered} == {1}
    assert sum(len(stub.bodies) for stub in stubs) == 12 + 9


async def test_another_model(ask: Ask, stubs: list[OpenAIStub], capsys: pytest.CaptureFixture[str]) -> None:
    """A server that does not serve the model is left out; where none does, the run ends with what they say."""
    unknown = Reply(404, {"error": {"message": "no model m here"}})
    stubs[0].default = unknown
    answered = await ask(10)
    assert {answer.attempts for answer in answered} == {1}
    (said,) = lines(capsys.readouterr().err)
    assert "does not serve 'm' (HTTP 404): no model m here" in said
    for stub in stubs:
        stub.default = unknown
    with pytest.raises(BackendError, match="does not serve 'm'"):
        await ask(1)


async def test_a_request_at_fault(
    ask: Ask, stubs: list[OpenAIStub], capsys: pytest.CaptureFixture[str]
) -> None:
    """A request's own fault takes no server out: it fails alone, at whichever server it was."""
    for stub in stubs:
        stub.default = Reply(400, {"error": {"message": "too long"}})
    with pytest.raises(RequestError, match="too long"):
        await ask(1)
    assert sum(len(stub.bodies) for stub in stubs) == 1
    assert lines(capsys.readouterr().err) == []


async def test_all_are_gone(ask: Ask) -> None:
    """Where no server can be reached, the error is that of one, and names them all."""
    urls = (GONE, "http://127.0.0.1:10/v1")
    with pytest.raises(
        BackendError, match=r"127\.0\.0\.1:9/v1, http://127\.0\.0\.1:10/v1: cannot be reached"
    ):
        await ask(1, urls=urls)


def words_of(run: Path, records: Path, *urls: str) -> list[object]:
    words: list[object] = ["generate", records, "--backend", "openai:m", "--types", "reasoning", "--out", run]
    return [*words, *(word for url in urls for word in ("--base-url", url))]


def test_a_run_goes_on_at_other_servers(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stubs: list[OpenAIStub]
) -> None:
    """Which servers a run is asked at is no part of its answers' keys: with others it goes on, and says so."""
    run, (one, two, three) = tmp_path / "run", (stub.url for stub in stubs)
    assert emogen(*words_of(run, records_file(2), one)).code == 0
    ran = emogen(*words_of(run, records_file(4), f"{two},{one}", three))
    assert ran.code == 0, ran.err
    assert f"was asked at {one}; now at {two}, {one}, {three}, which must serve the same model" in ran.err
    again = emogen(*words_of(run, records_file(4), three), "--overwrite")
    assert "4 answers came from the journal" in again.out
    assert sum(len(stub.bodies) for stub in stubs) == 4
    assert json.loads((run / "run.json").read_text())["settings"]["model"]["base_url"] == [three]
    assert "was asked at" not in emogen(*words_of(run, records_file(4), three)).err


def test_an_answer_format_that_is_refused(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stubs: list[OpenAIStub]
) -> None:
    """Servers that refuse an answer format with 500 are in no trouble: all are asked in the next one."""
    refusal = Reply(500, {"error": {"message": "response_format json_schema is not supported"}})
    for stub in stubs:
        stub.rule = lambda body: (
            refusal if body.get("response_format", {}).get("type") == "json_schema" else None
        )
    ran = emogen(*words_of(tmp_path / "run", records_file(9), *(stub.url for stub in stubs)))
    assert ran.code == 0, ran.err
    assert "kept 9" in ran.out
    assert "taken out" not in ran.err


def test_servers_in_a_run_file(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stubs: list[OpenAIStub]
) -> None:
    """A run file names several servers as a list."""
    records_file(6)
    urls = json.dumps([stub.url for stub in stubs])
    text = f"records: records.jsonl\nout: run\nbackend: openai:m\ntypes: [reasoning]\nmodel:\n  base_url: {urls}\n"
    (tmp_path / "run.yaml").write_text(text)
    ran = emogen("generate", "--config", tmp_path / "run.yaml")
    assert ran.code == 0, ran.err
    assert [len(stub.bodies) for stub in stubs] == [2, 2, 2]


@pytest.mark.parametrize("command", [["generate"], ["batch", "submit"]])
def test_where_one_server_is_asked(
    emogen: Emogen,
    tmp_path: Path,
    records_file: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
) -> None:
    """Azure's resources and batches are asked at one address; more are refused, not passed over."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "any")
    monkeypatch.setenv("OPENAI_API_VERSION", "any")
    backend = "azure:m" if command == ["generate"] else "openai:m"
    words = [*command, records_file(1), "--backend", backend, "--out", tmp_path / "run"]
    ran = emogen(*words, "--base-url", "http://a/v1,http://b/v1")
    assert ran.code == 2
    assert "--base-url: " in ran.err
