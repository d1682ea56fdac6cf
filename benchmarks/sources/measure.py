"""Measures what reading, selecting and rendering 118,102 records takes, and writes `results.json` and `results.md`.

python -m benchmarks.sources.measure
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import typer

from benchmarks.generation.children import ROOT, Took, environment, finished
from benchmarks.generation.machine import machine
from benchmarks.result_files import write_results
from benchmarks.sources.data import captions, emoset, images, parquet

HERE: Final = Path(__file__).resolve().parent
EMOGEN: Final = Path(sys.executable).with_name("emogen")
LIMIT_S: Final = 900.0
SMALL: Final = 10
IMAGE_KB: Final = 20
# What reading all of EmoSet-118K may take.
CPU_TARGET_S: Final = 20
MEMORY_TARGET_MB: Final = 300
DRY_RUN: Final = ("--dry-run", "--types", "conversation", "--backend", "openai:none")

# Name → words after `emogen`, of which those in capitals stand for files.
COMMANDS: Final = {
    "EmoSet's layout → records file": ("records", "EMOSET", "--out", "RECORDS"),
    "… half of each class": ("records", "EMOSET", "--sample", "50%", "--out", "OUT"),
    "records file → half of each class": ("records", "RECORDS", "--sample", "50%", "--out", "OUT"),
    "records file + captions → records file": (
        "records",
        "RECORDS",
        "--captions",
        "CAPTIONS",
        "--out",
        "OUT",
    ),
    "records file → prompts (--dry-run)": ("generate", "RECORDS", *DRY_RUN),
    "EmoSet's layout → half of each class → prompts": ("generate", "EMOSET", "--sample", "50%", *DRY_RUN),
}
INSIDE: Final = f"Parquet with images of {IMAGE_KB} kB → records file and images"


def main(
    work: Annotated[Path, typer.Option("--work", help="Folder for the made-up data.")] = Path("runs"),
    out: Annotated[Path, typer.Option("--out", help="Folder of results.json and results.md.")] = HERE,
    share: Annotated[int, typer.Option("--share", min=1, help="One in so many of EmoSet-118K's images.")] = 1,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Readings of the records file.")] = 5,
) -> None:
    """Measure everything at two sizes."""
    work.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=work) as folder:
        result = measure(Path(folder), share, repeats)
    typer.echo(write_results(out, result, markdown))


def measure(folder: Path, share: int, repeats: int) -> dict[str, Any]:
    """Return the machine, and what each command took at both sizes."""
    about = machine(folder)
    parts: dict[str, list[dict[str, Any]]] = {}
    reading: dict[str, float] = {}
    for part in (share * SMALL, share):
        rows = sum(1 for _ in images(part))
        files = _files(folder / str(part), part)
        for name, words in COMMANDS.items():
            took = _run(words, files, folder)
            parts.setdefault(name, []).append({"rows": rows, **asdict(took)})
        reading = _reading(Path(files["RECORDS"]), repeats)
    # A tenth of the images is gigabytes already.
    for part in (share * SMALL * SMALL, share * SMALL):
        files = {
            "PARQUET": str(parquet(folder / f"parquet-{part}", part, IMAGE_KB)),
            "OUT": str(folder / "x.jsonl"),
        }
        took = _run(("records", "PARQUET", "--out", "OUT"), files, folder)
        parts.setdefault(INSIDE, []).append({"rows": sum(1 for _ in images(part)), **asdict(took)})
    return {"machine": about, "parts": parts, "reading_s": reading}


def _files(folder: Path, share: int) -> dict[str, str]:
    data = emoset(folder / "EmoSet-118K", share)
    return {
        "EMOSET": str(data),
        "RECORDS": str(folder / "records.jsonl"),
        "CAPTIONS": str(captions(folder / "captions.jsonl", share)),
        "OUT": str(folder / "out.jsonl"),
    }


def _run(words: tuple[str, ...], files: dict[str, str], folder: Path) -> Took:
    command = [str(EMOGEN), *(files.get(word, word) for word in words)]
    return finished(command, folder / "log", LIMIT_S)


def _reading(records: Path, repeats: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.sources.reading", str(records), str(repeats)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    taken: dict[str, float] = json.loads(done.stdout)
    return taken


def markdown(result: dict[str, Any]) -> str:
    """Return `results.md`."""
    lines = []
    for name, (small, large) in result["parts"].items():
        more = large["rows"] - small["rows"]
        cpu_ms = 1000 * (large["cpu_s"] - small["cpu_s"]) / more
        growth_kb = 1000 * (large["peak_mb"] - small["peak_mb"]) / more
        lines.append(
            f"| {name} | {large['rows']:,} | {large['wall_s']:.1f} | {cpu_ms:.3f} | {small['peak_mb']:.0f} → "
            f"{large['peak_mb']:.0f} | {growth_kb:.2f} |"
        )
    bare, validated = result["reading_s"]["bare"], result["reading_s"]["validated"]
    rows = next(iter(result["parts"].values()))[1]["rows"]
    about = result["machine"]
    verdict = "met" if validated <= 2 * bare else "**missed**"
    return (
        "# Reading, selecting and rendering at the size of EmoSet-118K, measured\n\n"
        "Written by `make bench-sources`, on made-up data of the real one's layout and counts; images are not there.\n"
        "CPU and memory of one more record are the difference of two sizes, a tenth and the whole.\n\n"
        "| what | records | s | CPU ms a record | peak MB, small → large | kB a record |\n"
        "|---|---|---|---|---|---|\n" + "\n".join(lines) + "\n\n"
        f"{_target(result)}\n\n"
        f"Reading a records file as validated records takes {validated / bare:.1f} x the CPU of bare orjson "
        f"({1e6 * validated / rows:.1f} and {1e6 * bare / rows:.1f} µs a record; the target, 2 x, is {verdict}).\n\n"
        f"Machine: {about['cpu']}, {about['cores']} cores, {about['memory']}, {about['disk']}. Python "
        f"{about['python']}. {about['date']}, revision {about['revision']}, load before {about['load_before']}.\n"
    )


def _target(result: dict[str, Any]) -> str:
    """Say whether EmoSet's layout is read within the CPU time and memory that are meant for all of EmoSet-118K."""
    name, (_, whole) = next(iter(result["parts"].items()))
    met = whole["cpu_s"] <= CPU_TARGET_S and whole["peak_mb"] <= MEMORY_TARGET_MB
    return (
        f"{name}, {whole['rows']:,} records: {whole['cpu_s']:.1f} CPU seconds (target: at most {CPU_TARGET_S}) and "
        f"{whole['peak_mb']:.0f} MB (at most {MEMORY_TARGET_MB}): {'met' if met else '**missed**'}."
    )


if __name__ == "__main__":
    typer.run(main)
