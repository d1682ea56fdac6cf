"""Starts what is measured: the stub server, emogen's command line and the bare client, each a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from benchmarks.generation import meter

__all__ = [
    "ROOT",
    "Stub",
    "Took",
    "bare_command",
    "emogen_command",
    "environment",
    "finished",
    "measured",
    "stub",
]

ROOT: Final = Path(__file__).resolve().parents[2]
ANSWER_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True)
class Took:
    """What one process took; `peak_mb` is its resident set at most, `cpu_s` user and system time."""

    exit_code: int
    timed_out: bool
    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Stub:
    """A running stub server."""

    address: str

    @property
    def url(self) -> str:
        """What `--base-url` takes."""
        return f"{self.address}/v1"

    def stats(self) -> dict[str, Any]:
        """Return what the server counted."""
        counts: dict[str, Any] = json.loads(self._get("/stats"))
        return counts

    def first_body(self) -> bytes:
        """Return the body of the first request."""
        return self._get("/first-body")

    def _get(self, path: str) -> bytes:
        with urlopen(self.address + path, timeout=ANSWER_TIMEOUT_S) as reply:
            body: bytes = reply.read()
        return body


@contextlib.contextmanager
def stub(**options: float) -> Iterator[Stub]:
    """Run a stub server while the block runs; the options are those of its command line."""
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "benchmarks.generation.stub_server", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            if not address:
                raise RuntimeError(f"the stub server did not start: {' '.join(command)}")
            yield Stub(address)
        finally:
            process.kill()


def emogen_command(records: Path, out: Path, url: str, in_flight: int, *more: str) -> list[str]:
    """Return the command that makes one conversation of each record, so that a record is a request and a row."""
    program = Path(sys.executable).with_name("emogen")
    words = ["generate", str(records), "--backend", "openai:stub", "--base-url", url]
    words += ["--in-flight", str(in_flight), "--types", "conversation", "--out", str(out)]
    return [str(program), *words, *more]


def bare_command(records: Path, template: Path, out: Path, url: str, in_flight: int) -> list[str]:
    """Return the bare client's command for the same rows."""
    client = [sys.executable, "-m", "benchmarks.generation.bare_client"]
    return [*client, str(records), str(template), str(out), url, str(in_flight)]


def environment() -> dict[str, str]:
    """Return the environment of the clients: no keys, bytecode kept as at a user's, one thread for what computes."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "OMP_NUM_THREADS": "1", "NO_PROXY": "127.0.0.1"}


def measured(command: list[str], log: Path, limit_s: float) -> Took:
    """Run `command` to its end, at most for `limit_s`, and return what it took; its output goes to `log`."""
    around = [sys.executable, "-I", meter.__file__, str(limit_s), str(log)]
    done = subprocess.run(
        [*around, *command], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, check=True
    )
    return Took(**json.loads(done.stdout))


def finished(command: list[str], log: Path, limit_s: float) -> Took:
    """Do as `measured`.

    Raises:
        RuntimeError: the command failed; with the end of what it said.
    """
    took = measured(command, log, limit_s)
    if took.exit_code:
        raise RuntimeError(f"{' '.join(command)}: {log.read_text(encoding='utf-8')[-500:]}")
    return took
