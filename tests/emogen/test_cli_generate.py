"""`emogen generate` from end to end, killed, interrupted and resumed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Emogen
from openai_stub import CONVERSATION, REASONING, OpenAIStub, Reply, completion
from own_process import Program

SECRET = "sk-planted-0123456789abcdef"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def ids(run: Path) -> list[str]:
    return [f"{row['record']['id']}/{row['instruction']}" for row in rows(run / "samples.jsonl")]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline_s, "it never happened"
        time.sleep(0.01)


def test_samples_rejections_and_manifest(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], answers_file: Callable[..., Path]
) -> None:
    """A run keeps good answers, keeps the reasons of the others, counts both and says how it was made."""
    script = answers_file(
        {"text": CONVERSATION, "instruction": "conversation"},
        {"text": "I'd rather not.", "record_id": "r0", "instruction": "reasoning"},
        {"text": REASONING, "record_id": "r1", "instruction": "reasoning"},
    )
    run = tmp_path / "run"
    ran = emogen("generate", records_file(2), "--backend", f"scripted:{script}", "--out", run)
    assert ran.code == 0, ran.err
    assert sorted(ids(run)) == ["r0/categorical", "r0/conversation", "r1/categorical", "r1/reasoning"]
    reasons = {(row["record_id"], row["stage"], row["reason"]) for row in rows(run / "rejections.jsonl")}
    assert reasons == {("r0", "parse", "unreadable"), ("r1", "backend", "no_scripted_answer")}
    assert "kept 4: categorical 2, conversation 1, reasoning 1" in ran.out
    assert "rejected 2: " in ran.out
    assert "unreadable 1" in ran.out
    manifest = json.loads((run / "run.json").read_text())
    assert (manifest["state"], manifest["backend"]) == ("complete", "scripted")
    assert manifest["counts"]["kept"] == {"categorical": 2, "conversation": 1, "reasoning": 1}
    assert set(manifest["templates"]) == set(manifest["seeds"]) == {"conversation", "reasoning"}
    assert "generating" not in ran.out
    assert "generating: 6/6" in ran.err


def test_the_same_command_again_makes_nothing_twice(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub
) -> None:
    """A finished run is only counted again; nothing is asked, no row changes."""
    words = ["generate", records_file(3), "--backend", "openai:m", "--base-url", stub.url]
    words += ["--out", tmp_path / "run"]
    first = emogen(*words)
    before = (tmp_path / "run" / "samples.jsonl").read_bytes()
    asked = len(stub.bodies)
    again = emogen(*words)
    assert (first.code, again.code) == (0, 0)
    assert again.out == first.out
    assert (tmp_path / "run" / "samples.jsonl").read_bytes() == before
    assert len(stub.bodies) == asked == 6


def test_limit(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]) -> None:
    """`--limit` takes the first records; without it the rest follows."""
    words = ["generate", records_file(4), "--types", "categorical", "--out", tmp_path / "run"]
    assert emogen(*words, "--limit", 2).code == 0
    assert ids(tmp_path / "run") == ["r0/categorical", "r1/categorical"]
    assert emogen(*words).code == 0
    assert len(ids(tmp_path / "run")) == 4


def test_another_label_set(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]) -> None:
    """`--labels` sets the options of the categorical question."""
    words = ["generate", records_file(1), "--types", "categorical", "--out", tmp_path / "run"]
    ran = emogen(*words, "--labels", "awe,boredom,fear")
    assert ran.code == 0, ran.err
    (sample,) = rows(tmp_path / "run" / "samples.jsonl")
    assert "awe, boredom and fear" in sample["turns"][0]["question"]


def test_show_prompt(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub
) -> None:
    """`--show-prompt` prints the first record's prompts, and neither asks nor writes."""
    words = ["generate", records_file(2), "--backend", "openai:m", "--base-url", stub.url]
    ran = emogen(*words, "--out", tmp_path / "run", "--show-prompt")
    assert ran.code == 0
    assert "===== conversation, record r0" in ran.out
    assert "===== reasoning, record r0" in ran.out
    assert "A rocket stands on its launch pad under a wide sky." in ran.out
    assert "r1" not in ran.out
    assert stub.bodies == []
    assert not (tmp_path / "run").exists()


def test_a_secret_stays_one(
    emogen: Emogen,
    tmp_path: Path,
    records_file: Callable[..., Path],
    stub: OpenAIStub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The key is in no file and no output, even where the server repeats it in answers and errors."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    seen: list[str] = []

    def echo(headers: Any, status: int, text: str) -> Reply:
        seen.append(headers["Authorization"])
        body = completion(text) if status == 200 else {"error": {"message": f"{SECRET} is odd"}}
        return Reply(status, body)

    nice = REASONING.replace("The rocket", f"With {SECRET} the rocket")
    stub.plan = [
        lambda headers: echo(headers, 200, nice),
        lambda headers: echo(headers, 200, f"My key is {SECRET}"),
        lambda headers: echo(headers, 400, ""),
        lambda headers: echo(headers, 401, ""),
    ]
    words = ["generate", records_file(4), "--types", "reasoning", "--backend", "openai:m", "--in-flight", 1]
    ran = emogen(*words, "--corrections", 0, "--base-url", stub.url, "--out", tmp_path / "run")
    assert ran.code == 4
    assert seen == [f"Bearer {SECRET}"] * 4
    assert len(ids(tmp_path / "run")) == 1
    assert len(rows(tmp_path / "run" / "rejections.jsonl")) == 2
    written = b"".join(path.read_bytes() for path in (tmp_path / "run").iterdir())
    assert b"With *** the rocket" in written
    for text in (written.decode("utf-8", "replace"), ran.out, ran.err):
        assert "planted" not in text


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_ended_in_the_middle_and_run_again(
    emogen: Emogen,
    tmp_path: Path,
    records_file: Callable[..., Path],
    stub: OpenAIStub,
    how: signal.Signals,
) -> None:
    """Killed or interrupted, then the same command: every row once, none lost, little asked twice."""
    stub.default = Reply(delay_s=0.02)
    run, in_flight, count = tmp_path / "run", 4, 40
    words = [records_file(count), "--backend", "openai:m", "--base-url", stub.url, "--out", run]
    words += ["--types", "categorical,reasoning", "--in-flight", in_flight]
    with Program("generate", *words) as process:
        wait_until(lambda: len(stub.bodies) > 12)
        process.send_signal(how)
        out, err = process.communicate()
        code = process.poll()
    if how == signal.SIGINT:
        assert code == 130
        assert f"interrupted; {run} keeps what is done" in err
        assert "kept " in out
    assert "Traceback" not in err
    kept = ids(run)
    assert 8 <= len(kept) < 2 * count
    ran = emogen("generate", *words)
    assert ran.code == 0, ran.err
    after = ids(run)
    assert after[: len(kept)] == kept
    assert sorted(after) == sorted(
        f"r{i}/{name}" for i in range(count) for name in ("categorical", "reasoning")
    )
    # What was under way, and what was answered and not yet taken, may be asked a second time.
    assert len(stub.bodies) <= count + 2 * in_flight
    assert json.loads((run / "run.json").read_text())["state"] == "complete"


def test_interrupted_while_the_embedded_model_writes(
    tmp_path: Path, records_file: Callable[..., Path]
) -> None:
    """Ctrl-C does not wait for the embedded model's whole answer."""
    words = [records_file(5), "--backend", "embedded", "--out", tmp_path / "run"]
    with Program("generate", *words) as process:
        wait_until(
            lambda: len(ids(tmp_path / "run")) > 0 if (tmp_path / "run" / "samples.jsonl").exists() else False
        )
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(20)
        assert process.poll() == 130
    assert "interrupted; " in err
    assert "demonstration model" in err
    assert json.loads((tmp_path / "run" / "run.json").read_text())["state"] == "stopped"


def test_two_processes_on_one_folder(
    emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path], stub: OpenAIStub
) -> None:
    """A second process on the same folder is refused, and the first goes on to its end."""
    stub.default = Reply(delay_s=1)
    words = [records_file(2), "--types", "reasoning", "--backend", "openai:m", "--base-url", stub.url]
    words += ["--out", tmp_path / "run"]
    with Program("generate", *words) as first:
        wait_until(lambda: len(stub.bodies) > 0)
        second = emogen("generate", *words)
        assert second.code == 2
        assert "another process is writing into this run folder" in second.err
        assert first.wait() == 0
    assert len(ids(tmp_path / "run")) == 2


@pytest.mark.parametrize(
    "encoding",
    [
        "ascii",
        "latin-1",
    ],
)
def test_a_terminal_that_knows_few_letters(
    tmp_path: Path, records_file: Callable[..., Path], encoding: str
) -> None:
    """Output that cannot show a character stands something in for it and goes on."""
    records = records_file(1, caption="A rocket → the sky, “now”.")
    words = [records, "--out", tmp_path / "run", "--types", "categorical,reasoning", "--show-prompt"]
    command = [sys.executable, "-m", "emogen", "generate", *map(str, words)]
    environment = {"PYTHONIOENCODING": encoding, "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "A rocket" in ran.stdout


def test_a_real_model_over_http(emogen: Emogen, tmp_path: Path, records_file: Callable[..., Path]) -> None:
    """The openai backend gets real structured completions from llama.cpp's server, end to end."""
    from emogen.backends.embedded import start_llama

    server = start_llama()
    run = tmp_path / "run"
    words = [
        "generate",
        records_file(1),
        "--types",
        "reasoning",
        "--backend",
        "openai:SmolLM2-135M-Instruct.Q4_1",
    ]
    words += ["--base-url", f"{server.listening_address}/v1", "--out", run, "--examples", 0]
    emogen(*words, "--temperature", 0.2, "--max-tokens", 120)
    made = [*rows(run / "samples.jsonl"), *rows(run / "rejections.jsonl")]
    del server
    (row,) = made
    assert row["provenance"]["backend"] == "openai"
    assert row["provenance"]["model"] == "SmolLM2-135M-Instruct.Q4_1"
    assert row["provenance"]["usage"]["completion_tokens"] > 10
    if "turns" not in row:
        # So small a model may say what the checks do not keep; it still answers in the form that was asked for.
        assert row["stage"] == "check"
        assert set(json.loads(row["raw_answer"])) == {"question", "answer"}
