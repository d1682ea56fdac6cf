"""A planted key is in no file and no output, whoever sends it and however the run goes wrong."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen, Ran
from openai_stub import REASONING, OpenAIStub, Reply, completion

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
