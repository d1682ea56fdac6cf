"""Measures `emogen generate --engine ray` beside `--engine local`, and writes `results.json` and `results.md`.

python -m benchmarks.scale.measure
python -m benchmarks.scale.measure --rows 2000 --out runs/try
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks.generation.children import ROOT, emogen_command, environment, stub
from benchmarks.generation.machine import machine
from benchmarks.generation.records import write_records
from benchmarks.generation.run_files import sample_counts
from benchmarks.result_files import write_part
from benchmarks.scale import tree_meter
from benchmarks.scale.report import markdown
from emogen.on_ray.cluster import QUIET

HERE: Final = Path(__file__).resolve().parent
LIMIT_S: Final = 3600.0
WORKERS: Final = 2
ARMS: Final = ("local", "ray, one node", "ray, two nodes")
SHORT: Final = dict(zip(("local", "one", "two"), ARMS, strict=True))


def main(
    rows: Annotated[str, typer.Option("--rows", help="Sizes, comma-separated.")] = "2000,20000,200000",
    latency_ms: Annotated[float, typer.Option("--latency-ms", min=0.0, help="The server's.")] = 50.0,
    in_flight: Annotated[int, typer.Option("--in-flight", min=1, help="Requests at once, in all.")] = 128,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="Runs of each arm, alternately; the sums are kept.")
    ] = 1,
    arms: Annotated[
        str, typer.Option("--arms", help="Which, comma-separated; local is among them.")
    ] = ",".join(SHORT),
    side_by_side: Annotated[
        bool,
        typer.Option(
            "--side-by-side",
            help="Run the arms at the same time: on a machine that others load, all meet the same load. CPU can be "
            "compared, wall times cannot.",
        ),
    ] = False,
    out: Annotated[Path, typer.Option("--out", help="Folder of results.json and results.md.")] = HERE,
    work: Annotated[Path, typer.Option("--work", help="Folder for what the runs write.")] = Path("runs"),
) -> None:
    """Run each size by all three arms in turn, against a server of its own for each run."""
    folder = work / "bench-scale"
    folder.mkdir(parents=True, exist_ok=True)
    for size in map(int, rows.split(",")):
        before = machine(folder)
        chosen = [SHORT[name] for name in arms.split(",")]
        write_records(folder / f"records-{size}.jsonl", size)
        with ThreadPoolExecutor(len(chosen) if side_by_side else 1) as pool:
            run = partial(_run, folder, rows=size, latency_ms=latency_ms, in_flight=in_flight)
            runs = list(pool.map(run, repeats * chosen))
        found = {
            "rows": size,
            "latency_ms": latency_ms,
            "in_flight": in_flight,
            "workers": WORKERS,
            "side_by_side": side_by_side,
            "machine": before,
            "runs": runs,
        }
        write_part(out, str(size), found, markdown)
    print((out / "results.md").read_text(encoding="utf-8"))


def _run(folder: Path, arm: str, rows: int, latency_ms: float, in_flight: int) -> dict[str, Any]:
    records, run = folder / f"records-{rows}.jsonl", folder / f"run-{ARMS.index(arm)}"
    shutil.rmtree(run, ignore_errors=True)
    with stub(latency_ms=latency_ms, lifetime=2 * LIMIT_S) as server:
        command = emogen_command(records, run, server.url, in_flight)
        if arm != ARMS[0]:
            command += ["--engine", "ray", "--workers", str(WORKERS)]
        if arm == ARMS[2]:
            command = [
                sys.executable,
                "-m",
                "benchmarks.scale.two_nodes",
                *command,
                "--address",
                "ADDRESS",
            ]
        took = _measured(command, run.with_suffix(".log"))
        stats = server.stats()
    kept = sample_counts(run)
    shutil.rmtree(run, ignore_errors=True)
    found = {
        "arm": arm,
        **took,
        "rows": len(kept),
        "twice": kept.total() - len(kept),
        "refused": stats["refused_429"],
        "paid_again": stats["paid_twice"],
        "asking_s": stats["span_s"],
    }
    print(f"  {arm:15} {rows:>7} rows  {json.dumps(found)}", flush=True)
    return found


def _measured(command: list[str], log: Path) -> dict[str, Any]:
    around = [sys.executable, "-I", tree_meter.__file__, str(LIMIT_S), str(log)]
    done = subprocess.run(
        [*around, *command],
        cwd=ROOT,
        env={**environment(), **QUIET},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    took: dict[str, Any] = json.loads(done.stdout)
    if took["exit_code"]:
        raise RuntimeError(f"{' '.join(command)}: {log.read_text(encoding='utf-8')[-500:]}")
    return took


if __name__ == "__main__":
    typer.run(main)
