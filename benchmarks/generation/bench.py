"""One benchmark's working folder, settings and the two clients: what every part shares."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.generation.children import Stub, Took, bare_command, emogen_command, measured, stub
from benchmarks.generation.records import write_records
from benchmarks.generation.run_files import rejection_reasons, sample_counts

__all__ = ["Bench", "Run"]


@dataclass(frozen=True)
class Run:
    """A finished run: what it took, how many rows are there, why others are not, and what the server counted."""

    took: Took
    rows: int
    rejected: dict[str, int]
    stats: dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """The settings of all parts.

    Attributes:
        folder: Where records, logs and run folders go, on the kind of disk that the journal should be measured on.
        in_flight: Requests at once.
        latency_ms: The server's.
        limit_s: Most seconds for one run.
        seed: Of faults and moments.
        say: Called with a line of progress.
    """

    folder: Path
    in_flight: int = 64
    latency_ms: float = 50.0
    limit_s: float = 300.0
    seed: int = 0
    say: Callable[[str], None] = print

    def records(self, count: int) -> Path:
        """Return the file with records 0 to `count` - 1."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return write_records(self.folder / f"records-{count}.jsonl", count)

    def out(self, name: str) -> Path:
        """Return the path of a run folder that does not exist."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def emogen(self, count: int, *more: str, in_flight: int | None = None, **server: float) -> Run:
        """Run emogen over `count` records against a server of its own, and remove what it made."""
        records, out = self.records(count), self.out("emogen")
        at_once = in_flight or self.in_flight
        with self.server(**server) as running:
            command = emogen_command(records, out, running.url, at_once, *more)
            took = measured(command, self.folder / "emogen.log", self.limit_s)
            stats = running.stats()
        rows, rejected = len(sample_counts(out)), dict(rejection_reasons(out))
        shutil.rmtree(out, ignore_errors=True)
        self._report("emogen", count, took, rows)
        return Run(took, rows, rejected, stats)

    def bare(self, count: int) -> Run:
        """Run the bare client over `count` records against a server of its own."""
        records, template = self.records(count), self.template()
        out = self.folder / "bare.jsonl"
        with self.server() as running:
            command = bare_command(records, template, out, running.url, self.in_flight)
            took = measured(command, self.folder / "bare.log", self.limit_s)
            stats = running.stats()
        with out.open("rb") as lines:
            rows = sum(1 for _ in lines)
        out.unlink()
        self._report("bare", count, took, rows)
        return Run(took, rows, {}, stats)

    def template(self) -> Path:
        """Return the file with a request of emogen's, for the bare client to send alike."""
        path = self.folder / "request.json"
        if not path.exists():
            with self.server() as running:
                command = emogen_command(self.records(1), self.out("emogen"), running.url, 1)
                measured(command, self.folder / "emogen.log", self.limit_s)
                path.write_bytes(running.first_body())
        return path

    def server(self, **options: float) -> AbstractContextManager[Stub]:
        """Run a stub server for a block, with these settings."""
        lifetime_s = 2 * self.limit_s + 60
        return stub(**{"latency_ms": self.latency_ms, "seed": self.seed, "lifetime": lifetime_s, **options})

    def _report(self, client: str, count: int, took: Took, rows: int) -> None:
        self.say(
            f"  {client:6} {rows:>6} of {count:<6} {took.wall_s:7.2f} s  CPU {took.cpu_s:6.2f} s  "
            f"peak {took.peak_mb:5.1f} MB" + (f"  exit code {took.exit_code}" if took.exit_code else "")
        )
