"""Three of llama.cpp's servers, asked as one: one is killed in the middle and started again."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, aclosing
from pathlib import Path

import pytest

from emogen import complete
from emogen.backends import BackendOptions, open_backend
from emogen.backends.aiohttp_transport import AiohttpTransport
from emogen.backends.chat_reply import HttpReply
from emogen.backends.embedded import MODEL_NAME
from emogen.journal import Journal
from emogen.schemas import Completion, Message, Prompt

pytestmark = pytest.mark.slow

COUNT = 90
SERVE = """
import sys, time
from emogen.backends.embedded import start_llama
server = start_llama(port=int(sys.argv[1]))
print(server.listening_address, flush=True)
time.sleep(600)
"""


class LlamaServer:
    """llama.cpp's server in a process of its own."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/v1"
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self._port)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == self.url.removesuffix("/v1")

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def servers() -> Iterator[list[LlamaServer]]:
    with ExitStack() as stack:
        started = []
        for _ in range(3):
            started.append(LlamaServer())
            stack.callback(started[-1].kill)
        yield started


async def test_one_is_killed(
    servers: list[LlamaServer],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every question is answered once and within its first attempt; the killed server serves again once it is back."""
    statuses = []
    post = AiohttpTransport.post

    async def counted(self: AiohttpTransport, body: bytes) -> HttpReply:
        reply = await post(self, body)
        statuses.append(reply.status)
        return reply

    monkeypatch.setattr(AiohttpTransport, "post", counted)
    options = BackendOptions(
        base_url=tuple(server.url for server in servers), in_flight=6, max_tokens=12, temperature=0
    )
    backend = open_backend(f"openai:{MODEL_NAME}", options)
    path, answered = tmp_path / "answers.sqlite", []
    try:
        async with aclosing(complete(map(question, range(COUNT)), backend, journal=path)) as answers:
            async for prompt, answer in answers:
                assert isinstance(answer, Completion), answer
                answered.append(prompt.record_id)
                if len(answered) == 20:
                    await asyncio.to_thread(servers[1].kill)
                if len(answered) == 40:
                    await asyncio.to_thread(servers[1].start)
    finally:
        await backend.aclose()
    assert sorted(answered) == sorted(f"r{number}" for number in range(COUNT))
    # Nothing but what the killed server had in its hands was asked twice.
    assert statuses == [200] * COUNT
    with Journal(path) as journal:
        kept = list(journal.entries())
    assert len(kept) == COUNT
    assert {entry.attempts for entry in kept} == {1}
    out, back = (line for line in capsys.readouterr().err.splitlines() if line.startswith("note: http"))
    assert out.startswith(f"note: {servers[1].url} is taken out (")
    assert out.endswith("; 2 of 3 servers are in use")
    assert back == f"note: {servers[1].url} is back; 3 of 3 servers are in use"


def question(number: int) -> Prompt:
    ask = Message(role="user", content=f"Say one nice thing about the number {number}.")
    return Prompt(record_id=f"r{number}", instruction="free", messages=(ask,))
