"""Two nodes of Ray on this machine, a server that counts, and the command line on both."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.generation.children import Stub, stub
from benchmarks.generation.records import write_records
from benchmarks.scale.two_nodes import LOOPBACK, MEGABYTE, patiently

ROOT = Path(__file__).parents[2]
PLANTED = "sk-planted-0123456789abcdef"
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "OPENAI_API_KEY": PLANTED,
    "NO_PROXY": "127.0.0.1,127.0.0.2",
}


@pytest.fixture(scope="session", autouse=True)
def environment() -> Iterator[None]:
    """What Ray's processes are started with: the key is there, as on a machine where it was exported."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in QUIET.items():
            patched.setenv(name, value)
        yield


class Nodes:
    """A cluster that is started and taken apart by tests.

    Attributes:
        address: What `--address` takes.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self.address = cluster.address

    def add(self) -> Any:
        """Add a node with two logical CPUs."""
        told = {"num_cpus": 2, "object_store_memory": 80 * MEGABYTE, "node_ip_address": LOOPBACK}
        return patiently(lambda: self._cluster.add_node(**told))

    def kill(self, node: Any) -> None:
        """Take a node away, as a machine that is switched off."""
        self._cluster.remove_node(node, allow_graceful=False)


@pytest.fixture(scope="session")
def nodes(environment: None) -> Iterator[Nodes]:
    from ray.cluster_utils import Cluster

    told = {"num_cpus": 1, "object_store_memory": 80 * MEGABYTE, "node_ip_address": LOOPBACK}
    head = {**told, "include_dashboard": False}
    cluster = patiently(lambda: Cluster(initialize_head=True, head_node_args=head))
    yield Nodes(cluster)
    cluster.shutdown()


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Write so many records."""
    folder = tmp_path_factory.mktemp("records")
    return lambda count: write_records(folder / f"{count}.jsonl", count)


@pytest.fixture
def server() -> Callable[..., Any]:
    """Run a stub server for a block."""

    @contextmanager
    def run(**options: float) -> Iterator[Stub]:
        with stub(**{"latency_ms": 50.0, "jitter": 0.5, **options}) as running:
            yield running

    return run


class Emogen:
    """The command line in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "emogen.log"
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, records: Path, url: str, out: Path, *more: object) -> subprocess.Popen[bytes]:
        """Start `emogen generate`; one conversation a record."""
        words = ["generate", records, "--backend", "openai:stub", "--base-url", url, "--out", out]
        return self.program(*words, "--types", "conversation", *more)

    def program(self, *words: object) -> subprocess.Popen[bytes]:
        """Start `emogen` with these words."""
        program = Path(sys.executable).with_name("emogen")
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [str(program), *map(str, words)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(os.environ),
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def run(self, records: Path, url: str, out: Path, *more: object, code: int = 0) -> str:
        """Run to the end, and return what was printed."""
        return self._ended(self.start(records, url, out, *more), code)

    def command(self, *words: object, code: int = 0) -> str:
        """Run `emogen` with these words to the end, and return what was printed."""
        return self._ended(self.program(*words), code)

    def _ended(self, process: subprocess.Popen[bytes], code: int) -> str:
        assert process.wait(240) == code, self.said()
        return self.said()

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Trial:
    """What a run on the cluster takes: its nodes, records, a server for a block, and the command line."""

    nodes: Nodes
    records: Callable[[int], Path]
    server: Callable[..., Any]
    emogen: Emogen


@pytest.fixture
def emogen_process(tmp_path: Path) -> Iterator[Emogen]:
    emogen = Emogen(tmp_path)
    yield emogen
    for process in emogen.started:
        process.kill()
        process.wait()


@pytest.fixture
def trial(
    nodes: Nodes, records: Callable[[int], Path], server: Callable[..., Any], emogen_process: Emogen
) -> Trial:
    return Trial(nodes, records, server, emogen_process)
