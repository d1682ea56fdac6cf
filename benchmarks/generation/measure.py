"""Measures `emogen generate` beside bare aiohttp, part by part, and writes `results.json` and `results.md`.

python -m benchmarks.generation.measure all
python -m benchmarks.generation.measure cpu --out runs/try
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import typer

from benchmarks.generation.bench import Bench
from benchmarks.generation.cost_parts import marginal_cpu, peak_memory, start_up
from benchmarks.generation.fault_parts import faulty_server, full_server
from benchmarks.generation.kill_part import kills
from benchmarks.generation.machine import machine
from benchmarks.generation.report import markdown
from benchmarks.result_files import write_part

HERE: Final = Path(__file__).resolve().parent
app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)

Out = Annotated[Path, typer.Option("--out", help="Folder of results.json and results.md.")]
Work = Annotated[
    Path, typer.Option("--work", help="Folder for what the runs write; its disk is measured, too.")
]
InFlight = Annotated[int, typer.Option("--in-flight", min=1, help="Requests at once.")]
LatencyMs = Annotated[float, typer.Option("--latency-ms", min=0.0, help="The server's.")]
Rows = Annotated[int, typer.Option("--rows", min=1, help="Records; each is a request and a row.")]
Repeats = Annotated[int, typer.Option("--repeats", min=1, help="Runs of each client; medians are kept.")]
Seed = Annotated[int, typer.Option("--seed", help="Of faults and moments.")]

DEFAULT_WORK: Final = Path("runs")
Part = Callable[[Bench], dict[str, Any]]


@app.command()
def cpu(
    small: Annotated[int, typer.Option("--small", min=1)] = 1000,
    large: Annotated[int, typer.Option("--large", min=2)] = 5000,
    repeats: Repeats = 5,
    in_flight: InFlight = 64,
    latency_ms: LatencyMs = 50.0,
    out: Out = HERE,
    work: Work = DEFAULT_WORK,
) -> None:
    """CPU of one more row, both clients."""
    _measure(
        "cpu", lambda bench: marginal_cpu(bench, small, large, repeats), out, work, in_flight, latency_ms
    )


@app.command()
def startup(repeats: Repeats = 7, out: Out = HERE, work: Work = DEFAULT_WORK) -> None:
    """CPU of a run over one row, both clients."""
    _measure("startup", lambda bench: start_up(bench, repeats), out, work)


@app.command()
def memory(
    sizes: Annotated[str, typer.Option("--sizes", help="Rows, comma-separated.")] = "2000,8000,32000",
    out: Out = HERE,
    work: Work = DEFAULT_WORK,
) -> None:
    """Peak memory and its growth, both clients."""
    rows = [int(size) for size in sizes.split(",")]
    _measure("memory", lambda bench: peak_memory(bench, rows), out, work)


@app.command()
def faults(
    rows: Rows = 2000, repeats: Repeats = 3, seed: Seed = 0, out: Out = HERE, work: Work = DEFAULT_WORK
) -> None:
    """A server that refuses, breaks and hangs, beside the least time that its plan allows."""
    _measure("faults", lambda bench: faulty_server(bench, rows, repeats), out, work, seed=seed)


@app.command("full-server")
def full(
    rows: Rows = 2000,
    repeats: Repeats = 3,
    capacity: Annotated[int, typer.Option("--capacity", min=1, help="What the server holds.")] = 64,
    in_flight: InFlight = 256,
    out: Out = HERE,
    work: Work = DEFAULT_WORK,
) -> None:
    """A server that holds less than the client may send at once."""
    _measure("full-server", lambda bench: full_server(bench, rows, capacity, in_flight, repeats), out, work)


@app.command("kills")
def kill(
    rows: Rows = 2000,
    count: Annotated[int, typer.Option("--count", min=1, help="Moments.")] = 20,
    interrupt: Annotated[bool, typer.Option("--interrupt", help="Ctrl-C instead of kill -9.")] = False,
    in_flight: InFlight = 64,
    latency_ms: LatencyMs = 50.0,
    seed: Seed = 0,
    out: Out = HERE,
    work: Work = DEFAULT_WORK,
) -> None:
    """Runs that are stopped at random moments and resumed."""
    how, name = (signal.SIGINT, "interrupts") if interrupt else (signal.SIGKILL, "kills")
    _measure(name, lambda bench: kills(bench, rows, count, how), out, work, in_flight, latency_ms, seed)


@app.command("all")
def everything(out: Out = HERE, work: Work = DEFAULT_WORK) -> None:
    """Every part with its defaults, and a few interrupts besides."""
    startup(out=out, work=work)
    cpu(out=out, work=work)
    memory(out=out, work=work)
    faults(out=out, work=work)
    full(out=out, work=work)
    kill(out=out, work=work)
    kill(count=5, interrupt=True, out=out, work=work)


def _measure(
    name: str,
    part: Part,
    out: Path,
    work: Path,
    in_flight: int = 64,
    latency_ms: float = 50.0,
    seed: int = 0,
) -> None:
    """Run one part in a fresh folder, and put its result in the place of an earlier one."""
    typer.echo(name)
    work.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=work) as place:
        bench = Bench(Path(place).resolve(), in_flight, latency_ms, seed=seed, say=typer.echo)
        about = machine(bench.folder)
        # The first run compiles what was edited since the last one, and reads all files from the disk.
        bench.template()
        settings = {"in_flight": in_flight, "latency_ms": latency_ms, "seed": seed}
        found = {"machine": about, "settings": settings, **part(bench)}
    write_part(out, name, found, markdown)


if __name__ == "__main__":
    # A shell lets what it starts in the background ignore interrupts, and so would all that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    app()
