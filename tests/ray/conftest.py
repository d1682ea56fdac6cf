"""Two nodes of Ray on this machine, a server that counts, and the command line on both."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.generation.children import Stub, stub
from benchmarks.generation.records import write_records

ROOT = Path(__file__).parents[2]
PLANTED = "sk-planted-0123456789abcdef"
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "OPENAI_API_KEY": PLANTED,
    "NO_PROXY": "127.0.0.1",
}
MEGABYTE = 2**20


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
        return self._cluster.add_node(
            num_cpus=2, object_store_memory=80 * MEGABYTE, node_ip_address="127.0.0.1"
        )

    def kill(self, node: Any) -> None:
        """Take a node away, as a machine that is switched off."""
        self._cluster.remove_node(node, allow_graceful=False)


@pytest.fixture(scope="session")
def nodes(environment: None) -> Iterator[Nodes]:
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": 80 * MEGABYTE, "include_dashboard": False}
    cluster = Cluster(
        initialize_head=True, head_node_args={**head, "node_ip_address": "127.0.0.1"}, shutdown_at_exit=True
    )
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
    """`emogen generate` in a process of its own; one conversation a record."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "emogen.log"

    def start(self, records: Path, url: str, out: Path, *more: object) -> subprocess.Popen[bytes]:
        words = ["generate", records, "--backend", "openai:stub", "--base-url", url, "--out", out]
        words += ["--types", "conversation", *more]
        program = Path(sys.executable).with_name("emogen")
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(program), *map(str, words)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(os.environ),
                start_new_session=True,
            )

    def run(self, records: Path, url: str, out: Path, *more: object, code: int = 0) -> str:
        """Run to the end, and return what was printed."""
        process = self.start(records, url, out, *more)
        assert process.wait(240) == code, self.said()
        return self.said()

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")


@pytest.fixture
def emogen_process(tmp_path: Path) -> Emogen:
    return Emogen(tmp_path)
