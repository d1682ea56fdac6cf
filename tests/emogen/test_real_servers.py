"""`emogen generate` against real servers by others: llama.cpp's, and litellm's proxy in front of it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from command_line import Emogen, Ran
from own_environment import bare_environment, run, variables

from emogen.patience import REFUSALS

pytestmark = pytest.mark.slow

MODEL = "SmolLM2-135M-Instruct.Q4_1"
# It takes three quarters of a gigabyte, and goes with the tests that it was made for.
PROXY = "litellm[proxy]==1.106.2"
KEY = "sk-proxy-0123456789abcdef0123456789abcdef"
START_S = 120


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    """Start llama.cpp's server on the embedded weights; return its address."""
    from emogen.backends.embedded import start_llama

    server = start_llama()
    yield f"{server.listening_address}/v1"
    del server


@pytest.fixture(scope="module")
def proxy(llama: str) -> Iterator[str]:
    """Start litellm's proxy, in an environment of its own, with two models; return its address.

    `chat` is llama.cpp's chat; `completion` is its older interface, which has no answer formats.
    """
    models = [
        {
            "model_name": name,
            "litellm_params": {"model": f"{way}/{MODEL}", "api_base": llama, "api_key": "none"},
        }
        for name, way in (("chat", "openai"), ("completion", "text-completion-openai"))
    ]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = bare_environment(folder / "venv")
        run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", PROXY, cwd=folder)
        # JSON is YAML, too.
        (folder / "config.yaml").write_text(json.dumps({"model_list": models}))
        words = [
            python.with_name("litellm"),
            "--config",
            "config.yaml",
            "--host",
            "127.0.0.1",
            "--port",
            port,
        ]
        with (folder / "log").open("w+") as log:
            server = subprocess.Popen(
                [str(word) for word in words],
                cwd=folder,
                env=variables(folder, LITELLM_MASTER_KEY=KEY, LITELLM_LOCAL_MODEL_COST_MAP="True"),
                stdout=log,
                stderr=log,
            )
            try:
                assert _listens(f"http://127.0.0.1:{port}", server), (folder / "log").read_text()[-4000:]
                yield f"http://127.0.0.1:{port}/v1"
            finally:
                # It has nothing to save, and takes its time to say goodbye.
                server.kill()
                server.wait(30)


def _listens(address: str, server: subprocess.Popen[bytes]) -> bool:
    deadline_s = time.monotonic() + START_S
    while server.poll() is None and time.monotonic() < deadline_s:
        try:
            with urlopen(f"{address}/health/liveliness", timeout=5):
                return True
        except (URLError, OSError):
            time.sleep(0.5)
    return False


Generate = Callable[..., tuple[Ran, list[dict[str, Any]]]]


@pytest.fixture
def generate(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Generate:
    """Generate the reasoning of a few records; return what was said, and the rows that were kept or rejected."""
    monkeypatch.setenv("PROXY_KEY", KEY)

    def make(backend: str, url: str, *options: object, count: int = 2) -> tuple[Ran, list[dict[str, Any]]]:
        run_folder = tmp_path / "run"
        words = [
            "generate",
            records_file(count),
            "--types",
            "reasoning",
            "--examples",
            0,
            "--out",
            run_folder,
        ]
        words += ["--backend", backend, "--base-url", url, "--api-key-env", "PROXY_KEY"]
        words += ["--temperature", 0.2, "--max-tokens", 120, "--corrections", 0, *options]
        ran = emogen(*words)
        made = [
            json.loads(line)
            for name in ("samples.jsonl", "rejections.jsonl")
            for line in (run_folder / name).read_text().splitlines()
        ]
        for file in run_folder.iterdir():
            assert KEY.encode() not in file.read_bytes(), file
        return ran, made

    return make


def answered(rows: list[dict[str, Any]], answer_format: str) -> None:
    """Check that the model answered both rows, and how it was asked; so small a model's texts are not judged."""
    assert len(rows) == 2
    for row in rows:
        assert row.get("stage") != "backend", row
        assert row["provenance"]["answer_format"] == answer_format
        assert row["provenance"]["attempts"] == 1
        assert row["provenance"]["usage"]["completion_tokens"] > 10
        whole = row["provenance"]["finish_reason"] == "stop"
        if whole and "raw_answer" in row and answer_format == "json_schema":
            assert set(json.loads(row["raw_answer"])) == {"question", "answer"}


@pytest.mark.parametrize("way", ["openai", "openai-sdk"])
@pytest.mark.parametrize("answer_format", [None, "json_object", "text"])
def test_llama_cpp(generate: Generate, llama: str, way: str, answer_format: str | None) -> None:
    """llama.cpp's server answers in each format that it has, and by default in the best."""
    forced = ["--answer-format", answer_format] if answer_format else []
    ran, rows = generate(f"{way}:{MODEL}", llama, *forced)
    answered(rows, answer_format or "json_schema")
    assert "gives no answers" not in ran.err


@pytest.mark.parametrize("way", ["openai", "openai-sdk"])
@pytest.mark.parametrize("answer_format", [None, "text"])
def test_litellm(generate: Generate, proxy: str, way: str, answer_format: str | None) -> None:
    """litellm's proxy takes the key, hands formats on, and its answers are read like all others."""
    forced = ["--answer-format", answer_format] if answer_format else []
    ran, rows = generate(f"{way}:chat", proxy, *forced)
    answered(rows, answer_format or "json_schema")
    assert "gives no answers" not in ran.err


def test_down_to_text_behind_litellm(generate: Generate, proxy: str) -> None:
    """A model behind litellm that has no answer formats is asked for text in the end, each refusal being said once."""
    ran, rows = generate("openai:completion", proxy)
    answered(rows, "text")
    notes = [line for line in ran.err.splitlines() if "gives no answers as" in line]
    assert [line.split(" as ")[1].split()[0] for line in notes] == [
        "json_schema",
        "function_call",
        "json_object",
    ]


def test_a_format_that_litellm_refuses(generate: Generate, proxy: str) -> None:
    """The user's own choice of a format that is not to be had ends the run with what litellm said."""
    ran, rows = generate("openai:completion", proxy, "--answer-format", "json_schema")
    assert ran.code == 4
    assert "response_format" in ran.err
    assert rows == []


def test_a_model_that_litellm_does_not_know(generate: Generate, proxy: str) -> None:
    """litellm answers 400 for a model that it does not serve: the run ends long before its last row."""
    ran, rows = generate("openai:unheard-of", proxy, "--in-flight", 4, count=100)
    assert ran.code == 4
    assert f"unheard-of at {proxy}: not one of {REFUSALS} requests was answered" in ran.err
    assert "nvalid model name" in ran.err
    assert len(rows) < REFUSALS + 12
