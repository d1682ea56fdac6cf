"""What all tests share: no key in the environment, a stub of OpenAI's server, and both programs in-process."""

from __future__ import annotations

import functools
import json
import os
import signal
import ssl
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import typer.testing
from batch_stub import BatchStub
from command_line import Emogen, Ran
from hypothesis import settings
from openai_stub import OpenAIStub

# Tiny models on two threads spend their time waiting for each other, on a busy machine most of it. torch reads this
# when it is first imported, and so do the processes that tests start.
os.environ["OMP_NUM_THREADS"] = "1"

# A shell's background job ignores Ctrl-C, and so would every process that it starts; tests send it to theirs.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says more about the machine than about the code.
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=200)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session", autouse=True)
def made_anew_only_once() -> Iterator[None]:
    """Commands from their declarations, and the authorities' certificates: each takes a tenth of a second a call."""
    with pytest.MonkeyPatch.context() as patched:
        get_command = functools.cache(typer.main.get_command)
        patched.setattr("typer.main.get_command", get_command)
        patched.setattr("typer.testing._get_command", get_command)
        patched.setattr("ssl.create_default_context", functools.cache(ssl.create_default_context))
        yield


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real model requests are switched off: sockets reach loopback only, and no process finds a key."""
    for name in [
        name for name in os.environ if name.endswith(("_API_KEY", "_API_TOKEN")) or name == "HF_TOKEN"
    ]:
        monkeypatch.delenv(name)
    own = ("EMOGEN_TEMPLATES", "EMOGEN_SEEDS")
    for name in (*own, *(name for name in os.environ if name.startswith(("OPENAI_", "AZURE_OPENAI_")))):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def no_cache_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What pictures look like is kept for one test at most."""
    monkeypatch.setenv("EMOVIT_CACHE", str(tmp_path / "cache-of-looks"))


@pytest.fixture
def stub() -> Iterator[OpenAIStub]:
    with OpenAIStub() as server:
        yield server


@pytest.fixture
def batch_stub() -> Iterator[BatchStub]:
    with BatchStub() as server:
        yield server


@pytest.fixture
def emogen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Emogen:
    """Run the `emogen` command line in this process."""
    from emogen.cli import main

    def run(*words: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["emogen", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Ran(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture(scope="session")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Make a new folder for each example of a test. pytest's own look through all earlier ones for a free number."""
    base, number = tmp_path_factory.mktemp("examples"), count()

    def make() -> Path:
        folder = base / str(next(number))
        folder.mkdir()
        return folder

    return make


@pytest.fixture
def records_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a records file of `count` rockets, r0, r1, ..."""

    def write(count: int = 2, **fields: Any) -> Path:
        path = tmp_path / "records.jsonl"
        rows = [
            {
                "id": f"r{i}",
                "image": f"photos/r{i}.jpg",
                "emotion": "awe",
                "caption": "A rocket stands on its launch pad under a wide sky.",
                "attributes": {
                    "brightness": 0.7,
                    "colorfulness": 0.4,
                    "scene": "launch pad",
                    "object": ["Rocket"],
                },
                **fields,
            }
            for i in range(count)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


@pytest.fixture
def answers_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a script of answers for the scripted backend."""

    def write(*answers: dict[str, Any]) -> Path:
        path = tmp_path / "answers.jsonl"
        path.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
        return path

    return write
