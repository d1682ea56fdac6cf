"""A planted key is in no file and no output, whoever sends it and however the run goes wrong."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from command_line import Emogen, Ran
from openai_stub import REASONING, OpenAIStub, Reply, completion

from emogen.backends import BackendOptions, open_backend
from emogen.backends.server import Server
from emogen.errors import BackendError
from emogen.schemas import Message, Prompt

SECRET = "sk-planted-0123456789abcdef"
BACKENDS = ["openai:m", "openai-sdk:m", "azure:m"]
# A bug in the middle of a run, which keeps its traceback.
BUG = """
import emogen.judging
from emogen.cli import main
def broken(*args): raise RuntimeError("a bug")
emogen.judging.Judge.__call__ = broken
main()
"""


@pytest.fixture(params=BACKENDS)
def words(
    request: pytest.FixtureRequest,
    records_file: Callable[..., Path],
    stub: OpenAIStub,
    monkeypatch: pytest.MonkeyPatch,
) -> list[object]:
    """A command on four records, with the key where its backend looks for it."""
    for variable in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.setenv(variable, SECRET)
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    url = stub.url.removesuffix("/v1") if request.param.startswith("azure") else stub.url
    words: list[object] = ["generate", records_file(4), "--types", "reasoning", "--backend", request.param]
    return [*words, "--base-url", url, "--in-flight", 1]


def assert_unseen(*rans: Ran, folder: Path | None = None) -> bytes:
    """Search what was printed and every file; return what the files hold."""
    for ran in rans:
        assert SECRET not in ran.out + ran.err
    files = [path for path in folder.rglob("*") if path.is_file()] if folder else []
    written = b"".join(path.read_bytes() for path in files)
    assert SECRET.encode() not in written
    return written


def test_a_server_that_repeats_the_key(
    words: list[object],
    emogen: Emogen,
    stub: OpenAIStub,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Answers, corrections, and refusals repeat the key; journal, rows, manifest, logs and errors do not."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_LOG", "debug")
    sent = []

    def plan(status: int, text: str) -> Callable[[Any], Reply]:
        def reply(headers: Any) -> Reply:
            sent.append(headers.get("api-key") or headers["Authorization"].removeprefix("Bearer "))
            body = completion(text) if status == 200 else {"error": {"message": text, "code": SECRET}}
            return Reply(status, body)

        return reply

    stub.plan = [
        plan(200, REASONING.replace("The rocket", f"With {SECRET} the rocket")),
        plan(200, f"My key is {SECRET}"),
        plan(200, f"It still is {SECRET}"),
        plan(400, f"{SECRET} is odd"),
        plan(401, f"{SECRET} is refused"),
    ]
    run = tmp_path / "run"
    ran = emogen(*words, "--out", run)
    assert ran.code == 4
    assert sent == [SECRET] * 5
    written = assert_unseen(ran, folder=run)
    assert b"With *** the rocket" in written
    assert b"My key is ***" in written
    assert SECRET not in caplog.text
    # Shown its own answer, a model is not told the key that it once said.
    assert SECRET not in json.dumps(stub.bodies)
    assert_unseen(emogen("rebuild", run), folder=run)
    assert_unseen(
        emogen("export", run, "--format", "llava", "--out", tmp_path / "out" / "a.json"),
        folder=tmp_path / "out",
    )


def test_trials(words: list[object], emogen: Emogen, tmp_path: Path, stub: OpenAIStub) -> None:
    """`--dry-run` and `--show-prompt` print no key, and neither does a manifest that is repeated."""
    assert_unseen(emogen(*words, "--dry-run"), emogen(*words, "--show-prompt"))
    ran = emogen(*words, "--out", tmp_path / "run")
    assert ran.code == 0, ran.err
    again = emogen("generate", "--config", tmp_path / "run" / "run.json", "--out", tmp_path / "again")
    assert again.code == 0, again.err
    assert_unseen(ran, again, folder=tmp_path)


@pytest.mark.parametrize("words", BACKENDS[:2], indirect=True)
def test_a_traceback(words: list[object], tmp_path: Path) -> None:
    """A bug ends the run with a traceback that shows no values, and what was paid for is in the journal."""
    command = [sys.executable, "-c", BUG, *map(str, words), "--out", str(tmp_path / "run")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ, check=False)
    assert ended.returncode not in (0, 4)
    assert "RuntimeError: a bug" in ended.stderr
    assert_unseen(Ran(ended.returncode, ended.stdout, ended.stderr), folder=tmp_path / "run")


@pytest.mark.parametrize("kind", ["generate", "batch"])
def test_headers_that_repeat_the_key(
    words: list[object],
    kind: str,
    emogen: Emogen,
    stub: OpenAIStub,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A server that sends us on to an address with the key in it: neither the error nor any log shows it."""
    if kind == "batch" and words[5] == "azure:m":
        pytest.skip("takes no batches")
    caplog.set_level(logging.DEBUG)
    place = f"https://user:{SECRET}@elsewhere/v1?api_key={SECRET}"
    stub.default = Reply(307, headers={"Location": place, "X-Echo": SECRET})
    words = ["batch", "submit", *words[1:]] if kind == "batch" else words
    ran = emogen(*words, "--out", tmp_path / "run")
    assert ran.code == 4
    assert kind == "batch" or "sends us on to https://…@elsewhere/v1…" in ran.err
    assert_unseen(ran, folder=tmp_path)
    assert SECRET not in caplog.text


PASSWORD = "proxy-password-0123"


# The SDK's aiohttp client signs in at the proxy in a way that aiohttp will give up some day.
@pytest.mark.filterwarnings("ignore:.*(BasicAuth|proxy_auth).* is deprecated:DeprecationWarning")
@pytest.mark.parametrize("words", BACKENDS[1:], indirect=True)
@pytest.mark.parametrize(
    ("proxy", "target", "code", "said"),
    [
        ("http://user:{}@{}", "http", 0, ""),
        ("http://user:{}@{}", "https", 4, "cannot be reached"),
        ("http://user:{}@127.0.0.1:1", "http", 4, "cannot be reached"),
        ("odd://user:{}@{}", "http", 2, "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY: a proxy cannot be used"),
    ],
)
def test_a_proxys_password(
    words: list[object],
    emogen: Emogen,
    stub: OpenAIStub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    proxy: str,
    target: str,
    code: int,
    said: str,
) -> None:
    """The official SDK goes through the proxy of the environment, whose password is nowhere, also where it fails."""
    caplog.set_level(logging.DEBUG)
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        address = proxy.format(PASSWORD, stub.url.removeprefix("http://").removesuffix("/v1"))
        monkeypatch.setenv(variable, address)
    for variable in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    words[7] = f"{target}://emogen.invalid" + ("/v1" if words[5] == "openai-sdk:m" else "")
    ran = emogen(*words, "--out", tmp_path / "run")
    assert (ran.code, said in ran.err) == (code, True), ran.err
    assert bool(stub.bodies) is (code == 0)
    assert_unseen(ran, folder=tmp_path)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert PASSWORD not in ran.out + ran.err + caplog.text
    assert PASSWORD.encode() not in written


@pytest.mark.parametrize("name", ["openai", "openai-sdk"])
async def test_a_traceback_for_whoever_calls_from_python(
    name: str, stub: OpenAIStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody catches is printed with all that led to it, and the key is in none of it."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    prompt = Prompt(record_id="r", instruction="reasoning", messages=(Message(role="user", content="Go."),))
    failures = [
        Reply(400, {"error": {"message": f"{SECRET} is odd"}}),
        Reply(500, {"error": {"message": f"{SECRET} broke it"}}),
        Reply(body=SECRET.encode()),
        Reply(gone=True),
    ]
    backend = open_backend(f"{name}:m", BackendOptions(base_url=stub.url))
    for reply in failures:
        stub.plan = [reply]
        with pytest.raises(BackendError) as caught:
            await backend.complete(prompt)
        told = "".join(traceback.format_exception(caught.value))
        assert SECRET not in told + repr(caught.value)
    assert SECRET not in repr(vars(backend)["server"])
    await backend.aclose()


@pytest.mark.parametrize("key", ["sk-plain-0123456789", "with/slash+and=0123456789", 'with"quote0123456789'])
def test_a_key_as_json_and_addresses_write_it(key: str) -> None:
    """A key is cut out however it is escaped."""
    server = Server("http://127.0.0.1/v1", own=True, key=key)
    for written in (key, json.dumps(key)[1:-1], key.replace("/", "\\/"), quote(key, safe="")):
        assert server.without_key(f"a {written} b".encode()) == b"a *** b"


def test_tracebacks_show_no_values() -> None:
    """A bug's traceback is Python's own, which prints no local variables."""
    for program in ("emogen.cli", "emovit_train.cli"):
        assert import_module(program).app.pretty_exceptions_enable is False
