"""Measures what a report on half a million samples takes, and writes `results.json` and `results.md`.

python -m benchmarks.report.measure
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import typer

from benchmarks.generation.children import Took, finished
from benchmarks.generation.machine import machine
from benchmarks.report.made_run import record, rows, write_run
from benchmarks.result_files import write_results

__all__ = ["TARGETS", "markdown", "measure"]

HERE: Final = Path(__file__).resolve().parent
EMOGEN: Final = Path(sys.executable).with_name("emogen")
LIMIT_S: Final = 900.0
# As many rows as have half a million samples among them: every tenth is a rejection.
ROWS: Final = 555_556
PHOTOGRAPHS: Final = ("astronaut", "chelsea", "coffee", "rocket")
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
# Figure → its unit, and what it may be at most.
TARGETS: Final = {
    "CPU": ("s", 180),
    "peak memory": ("MB", 1000),
    "file": ("MB", 30),
    "shown by Chromium": ("s", 3),
}


def main(
    work: Annotated[Path, typer.Option("--work", help="Folder for the made-up run.")] = Path("runs"),
    out: Annotated[Path, typer.Option("--out", help="Folder of results.json and results.md.")] = HERE,
    count: Annotated[int, typer.Option("--rows", min=10, help="Samples and rejections.")] = ROWS,
) -> None:
    """Make a run up, report on it, and open the report."""
    work.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=work) as folder:
        result = measure(Path(folder).resolve(), count)
    typer.echo(write_results(out, result, markdown))


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Return the machine, and what the report took; Chromium's part is None where there is none."""
    about = machine(folder)
    run = write_run(folder / "run", rows(count))
    _photographs(folder, count)
    page = folder / "report.html"
    took = finished([str(EMOGEN), "report", str(run), "--out", str(page)], folder / "log", LIMIT_S)
    with (run / "samples.jsonl").open("rb") as lines:
        samples = sum(1 for _ in lines)
    pictures = page.read_bytes().count(b"data:image/jpeg")
    if not pictures:
        raise RuntimeError(f"{page}: no picture is in the report")
    shown = _shown(page, folder / "browser")
    return {
        "machine": about,
        "samples": samples,
        "pictures": pictures,
        "report": asdict(took),
        "file_mb": round(page.stat().st_size / 1e6, 2),
        "browser": shown and asdict(shown),
    }


def _photographs(folder: Path, count: int) -> None:
    """Put a photograph where each record says that one is: four of scikit-image, as links."""
    from PIL import Image
    from skimage import data

    (folder / "photos").mkdir()
    files = [folder / f"{name}.jpg" for name in PHOTOGRAPHS]
    for name, file in zip(PHOTOGRAPHS, files, strict=True):
        Image.fromarray(getattr(data, name)()).save(file, quality=90)
    for number in range(-(-count // 2)):
        (folder / record(number)["image"]).symlink_to(files[number % len(files)])


def _shown(page: Path, profile: Path) -> Took | None:
    """Open the page in a new headless Chromium, until its scripts have run, and end that."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        return None
    words = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--dump-dom")
    return finished([program, *words, page.resolve().as_uri()], profile.with_name("dom"), LIMIT_S)


def markdown(result: dict[str, Any]) -> str:
    """Return `results.md`."""
    browser = result["browser"]
    found = {
        "CPU": result["report"]["cpu_s"],
        "peak memory": result["report"]["peak_mb"],
        "file": result["file_mb"],
        "shown by Chromium": browser and browser["wall_s"],
    }
    about = result["machine"]
    return (
        "# A report on half a million samples, measured\n\n"
        f"Written by `make bench-report`: whole processes, start included, over {result['samples']:,} made-up samples\n"
        "and what was rejected beside them. Every record has a photograph; "
        f"{result['pictures']} are in the gallery.\n\n"
        "| figure | at most | measured | |\n|---|---|---|---|\n"
        + "".join(_line(name, value) for name, value in found.items())
        + f"\nMachine: {about['cpu']}, {about['cores']} cores, {about['memory']}, {about['disk']}. Python "
        f"{about['python']}. {about['date']}, revision {about['revision']}, load before {about['load_before']}.\n"
    )


def _line(name: str, value: float | None) -> str:
    unit, most = TARGETS[name]
    if value is None:
        return f"| {name} | {most} {unit} | no Chromium here | |\n"
    return f"| {name} | {most} {unit} | {value:.1f} {unit} | {'met' if value <= most else '**missed**'} |\n"


if __name__ == "__main__":
    typer.run(main)
