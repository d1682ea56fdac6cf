from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from benchmarks.generation.children import Stub, stub
from benchmarks.generation.http_wire import UnreadableRequestError, response, take_request
from benchmarks.generation.records import record, write_records
from emogen.checks import Answer
from emogen.checks.findings import Examiner
from emogen.judging import instruction
from emogen.schemas import Completion, ImageRecord


async def ask(server: Stub, *bodies: dict[str, Any], timeout_s: float = 10.0) -> list[Any]:
    async def one(body: dict[str, Any]) -> Any:
        try:
            async with session.post(f"{server.url}/chat/completions", json=body) as reply:
                return reply.status, dict(reply.headers), await reply.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            return error

    timeout = aiohttp.ClientTimeout(total=timeout_s)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        return await asyncio.gather(*map(one, bodies))


def body(number: int, *, task: str = "three question-and-answer pairs") -> dict[str, Any]:
    return {"model": "stub", "messages": [{"role": "user", "content": f"{task} {number}"}]}


async def test_answers_pass_all_checks() -> None:
    """Answers are whole, of 1 to 2 kB, the same for the same request, and kept by every default check."""
    with stub(latency_ms=1) as server:
        for kind, task in (
            ("conversation", "three question-and-answer pairs"),
            ("reasoning", "one question"),
        ):
            asked = [body(number, task=task) for number in range(40)]
            replies = await ask(server, *asked, asked[0])
            assert replies[0][2] == replies[-1][2]
            assert len({reply[2] for reply in replies}) == 40
            for number, (status, _, raw) in enumerate(replies[:40]):
                assert status == 200
                assert 1000 < len(raw) < 2000
                answer = Completion(text=json.loads(raw)["choices"][0]["message"]["content"], model="stub-1")
                turns = instruction(kind).parse(answer.text)  # type: ignore[union-attr]
                assert isinstance(turns, tuple), turns
                about = ImageRecord.model_validate(record(number))
                assert Examiner().examine(Answer(about, kind, turns, answer)).findings == []
        stats = server.stats()
    assert (stats["requests"], stats["answers_paid"], stats["paid_twice"]) == (82, 82, 2)


async def test_a_full_server_refuses() -> None:
    """One request more than the server holds is answered with 429, and the peak never passes the capacity."""
    with stub(latency_ms=300, capacity=3, capacity_retry_after=2) as server:
        replies = await ask(server, *map(body, range(5)))
        stats = server.stats()
    assert sorted(reply[0] for reply in replies) == [200, 200, 200, 429, 429]
    assert {reply[1].get("Retry-After") for reply in replies} == {None, "2"}
    assert (stats["peak_in_flight"], stats["refused_429"]) == (3, 2)


async def test_requests_per_minute() -> None:
    """Beyond a minute's allowance the answer is 429, and each answer states the limit."""
    with stub(latency_ms=1, requests_per_minute=4) as server:
        replies = await ask(server, *map(body, range(6)))
    assert sorted(reply[0] for reply in replies) == [200] * 4 + [429] * 2
    assert {reply[1]["x-ratelimit-limit-requests"] for reply in replies} == {"4"}


@pytest.mark.parametrize("fault", ["rate_limited", "server_error", "broken_json", "hang", "drop"])
async def test_faults_on_the_wire(fault: str) -> None:
    """Each fault looks on the wire as it is called."""
    with stub(latency_ms=1, **{fault: 1.0}) as server:
        (reply,) = await ask(server, body(0), timeout_s=0.4 if fault == "hang" else 10.0)
        stats = server.stats()
    assert (stats["outcomes"], stats["answers_paid"]) == ({fault: 1}, 0)
    if fault == "rate_limited":
        assert (reply[0], reply[1]["Retry-After"]) == (429, "1")
    elif fault == "server_error":
        assert reply[0] == 500
    elif fault == "broken_json":
        assert reply[0] == 200
        with pytest.raises(json.JSONDecodeError):
            json.loads(reply[2])
    else:
        assert isinstance(reply, TimeoutError if fault == "hang" else aiohttp.ClientPayloadError)


def test_requests_in_pieces() -> None:
    """A request is taken when its last byte has come, and what follows it stays."""
    whole = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\ncontent-length: 4\r\n\r\nbody"
    for cut in range(len(whole)):
        buffer = bytearray(whole[:cut])
        assert take_request(buffer) is None
        buffer += whole[cut:] + b"GET"
        taken = take_request(buffer)
        assert taken is not None
        assert (taken.body, bytes(buffer)) == (b"body", b"GET")


@pytest.mark.parametrize(
    "head",
    [b"nonsense", b"POST / HTTP/1.1\r\nContent-Length: x", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked"],
)
def test_unreadable_requests(head: bytes) -> None:
    """What is no request with a length is refused."""
    with pytest.raises(UnreadableRequestError):
        take_request(bytearray(head + b"\r\n\r\n"))


def test_response_states_its_length() -> None:
    """A response has its status, its own headers and the length of its body."""
    assert response(429, b"{}", b"Retry-After: 1\r\n").split(b"\r\n") == [
        b"HTTP/1.1 429 Too Many Requests",
        b"Content-Type: application/json",
        b"Content-Length: 2",
        b"Retry-After: 1",
        b"",
        b"{}",
    ]


def test_records_are_the_same_for_all(tmp_path: Path) -> None:
    """A longer records file begins with the shorter one, and no two captions are alike."""
    short = write_records(tmp_path / "short.jsonl", 50).read_text().splitlines()
    long = write_records(tmp_path / "long.jsonl", 300).read_text().splitlines()
    assert long[:50] == short
    assert len({json.loads(line)["caption"] for line in long}) == 300
