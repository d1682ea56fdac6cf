"""Measures what an export of half a million samples takes, and writes `results.json` and `results.md`.

python -m benchmarks.exports.measure
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import typer

from benchmarks.exports.data import write_samples
from benchmarks.generation.children import Took, finished
from benchmarks.generation.machine import machine
from benchmarks.result_files import write_results

__all__ = ["BARE", "COMMANDS", "markdown", "measure"]

HERE: Final = Path(__file__).resolve().parent
EMOGEN: Final = Path(sys.executable).with_name("emogen")
LIMIT_S: Final = 900.0
SMALL: Final = 10
# CPU of the export, in times of what bare orjson takes.
CPU_TARGET: Final = 2.0
# What SQLite's own caches may differ by; an index in memory took ten times as much.
GROWTH_TARGET_MB: Final = 20

BARE: Final = "orjson reads and writes the samples"
# Name → words after `emogen export SAMPLES`; the first is what the targets are about.
COMMANDS: Final = {
    "llava": ("--format", "llava"),
    "instructblip": ("--format", "instructblip"),
    "llava, by shares": ("--format", "llava", "--split-by", "0.9,0.05,0.05"),
}


def main(
    work: Annotated[Path, typer.Option("--work", help="Folder for the made-up samples.")] = Path("runs"),
    out: Annotated[Path, typer.Option("--out", help="Folder of results.json and results.md.")] = HERE,
    samples: Annotated[int, typer.Option("--samples", min=SMALL, help="How many there are.")] = 500_000,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Measurements of each.")] = 5,
) -> None:
    """Measure everything at two sizes."""
    work.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=work) as folder:
        result = measure(Path(folder), samples, repeats)
    typer.echo(write_results(out, result, markdown))


def measure(folder: Path, samples: int, repeats: int) -> dict[str, Any]:
    """Return the machine, and what each way took at both sizes, by turns, so that all meet the same machine."""
    about = machine(folder)
    sizes = (samples // SMALL, samples)
    files = {size: write_samples(folder / f"{size}.jsonl", size) for size in sizes}
    taken: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for _ in range(repeats):
        for number, name in enumerate((BARE, *COMMANDS)):
            of_name = taken.setdefault(name, {})
            for size, file in files.items():
                took = _run(name, file, folder / f"{number}-{size}")
                of_name.setdefault(str(size), []).append(asdict(took))
    return {"machine": about, "samples": list(sizes), "taken": taken}


def _run(name: str, samples: Path, out: Path) -> Took:
    if name == BARE:
        command = [sys.executable, "-m", "benchmarks.exports.bare", str(samples), str(out)]
    else:
        words = COMMANDS[name]
        command = [str(EMOGEN), "export", str(samples), *words, "--out", str(out), "--overwrite"]
    log = out.with_name("log")
    return finished(command, log, LIMIT_S)


def markdown(result: dict[str, Any]) -> str:
    """Return `results.md`."""
    small, large = result["samples"]
    lines = []
    for name in result["taken"]:
        cpu_s, peak_mb, before_mb = (
            _median(result, name, large, "cpu_s"),
            _median(result, name, large, "peak_mb"),
            _median(result, name, small, "peak_mb"),
        )
        lines.append(
            f"| {name} | {_median(result, name, large, 'wall_s'):.1f} | {cpu_s:.1f} | {1e6 * cpu_s / large:.1f} | "
            f"{_times_bare(result, name):.2f} | {before_mb:.0f} → {peak_mb:.0f} |"
        )
    about = result["machine"]
    return (
        "# Exporting half a million samples, measured\n\n"
        "Written by `make bench-exports`: whole processes, start included, in turns; medians of "
        f"{len(result['taken'][BARE][str(large)])}. The samples are\n"
        "the seed examples' answers, three for each image; the images themselves are not there and not needed.\n\n"
        f"| {large:,} samples | s | CPU s | CPU µs a sample | times bare | peak MB, {small:,} → {large:,} |\n"
        "|---|---|---|---|---|---|\n" + "\n".join(lines) + "\n\n"
        f"{_targets(result)}\n\n"
        f"Machine: {about['cpu']}, {about['cores']} cores, {about['memory']}, {about['disk']}. Python "
        f"{about['python']}. {about['date']}, revision {about['revision']}, load before {about['load_before']}.\n"
    )


def _targets(result: dict[str, Any]) -> str:
    """Say whether the first command keeps to the CPU time and memory that are meant for it."""
    name = next(iter(COMMANDS))
    small, large = result["samples"]
    times = _times_bare(result, name)
    growth_mb = _median(result, name, large, "peak_mb") - _median(result, name, small, "peak_mb")
    return (
        f"{name}: {times:.2f} x the CPU of bare orjson (target: at most {CPU_TARGET:g} x): "
        f"{_verdict(times <= CPU_TARGET)}. "
        f"{growth_mb:.0f} MB more for ten times the samples (target: at most {GROWTH_TARGET_MB}): "
        f"{_verdict(growth_mb <= GROWTH_TARGET_MB)}."
    )


def _verdict(met: bool) -> str:
    return "met" if met else "**missed**"


def _times_bare(result: dict[str, Any], name: str) -> float:
    """Return the median ratio of CPU times, each within one turn."""
    large = str(result["samples"][1])
    turns = zip(result["taken"][name][large], result["taken"][BARE][large], strict=True)
    return statistics.median(took["cpu_s"] / bare["cpu_s"] for took, bare in turns)


def _median(result: dict[str, Any], name: str, size: int, what: str) -> float:
    return statistics.median(took[what] for took in result["taken"][name][str(size)])


if __name__ == "__main__":
    typer.run(main)
