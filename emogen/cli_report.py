"""`emogen report`: parse, call, print."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emogen.errors import InputError
from emogen.terminal import AsJson, progress, say, show_json

if TYPE_CHECKING:
    from emogen.report.gallery import Run
    from emogen.report.page import Column
    from emogen.report.syntax import Parser

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    other: Annotated[Path | None, typer.Argument(help="A second run folder, to stand beside it.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write. Default: report.html in the run folder.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws other rows to show and measure.")] = 0,
    parser: Annotated[
        str | None,
        typer.Option(
            "--parser",
            help="A spaCy pipeline, by its name or folder: adds the root verbs of questions with their objects. "
            "Needs the extra syntax.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write one HTML file that shows what a run came to.

    It has figures, charts, examples and a gallery, and opens offline. With --json, the figures are printed and no
    file is written.
    """
    from emogen.atomic import write_text
    from emogen.report.gallery import cards_of
    from emogen.report.page import page_of
    from emogen.report.syntax import load_parser

    folders = [run] if other is None else [run, other]
    place = out or run / ("report.html" if other is None else f"report-beside-{other.resolve().name}.html")
    if not as_json:
        _refuse_place(place, run)
    # Before anything is read: a report on half a million rows is not to end at a mistyped name.
    syntax = load_parser(parser) if parser else None
    runs, columns, figures = [], [], []
    for folder, name in zip(folders, _names(folders), strict=True):
        one, column, counts = _read(folder, name, seed, syntax)
        runs.append(one)
        columns.append(column)
        figures.append(counts)
    if as_json:
        show_json({"runs": figures})
        return
    write_text(place, page_of(columns, cards_of(runs)))
    say(f"wrote {place} ({place.stat().st_size / 1e6:.1f} MB)")


def _read(folder: Path, name: str, seed: int, parser: Parser | None) -> tuple[Run, Column, dict[str, object]]:
    from emogen.report.figures import figures_of
    from emogen.report.gallery import Run
    from emogen.report.measures import measures_of
    from emogen.report.page import Column
    from emogen.report.sections import sections_of
    from emogen.report.tally import tally
    from emogen.store import read_manifest

    manifest = read_manifest(folder) or {}
    with progress(f"reading {name}", None) as advance:
        counted = tally(folder, seed=seed, advance=advance)
    figures = figures_of(name, counted, manifest)
    with progress(f"parsing {name}", None) if parser else nullcontext(lambda step: None) as advance:
        measures = measures_of(counted, parser, advance)
    root = manifest.get("image_root")
    run = Run(name, folder, folder / root if isinstance(root, str) else folder, counted)
    column = Column(name, str(manifest.get("notice") or ""), sections_of(figures, measures))
    return run, column, {"figures": figures, "measures": measures}


def _names(folders: list[Path]) -> list[str]:
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        return [str(folder) for folder in folders]
    return names


def _refuse_place(place: Path, run: Path) -> None:
    """Refuse to replace a file that is no report, or a place where none can be, before anything is read."""
    from emogen.atomic import writable_folder
    from emogen.report.page import MARK

    if place.is_dir():
        raise InputError("is a folder", where=place, remedy="Name a file.")
    if place.parent.resolve() != run.resolve():
        writable_folder(place.parent)
    if place.is_file():
        with place.open("rb") as file:
            if file.read(len(MARK)) != MARK.encode():
                raise InputError(
                    "is there already, and is no report", where=place, remedy="Name another --out."
                )
