"""The command line: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from emogen.cli_generate import generate, show_counts
from emogen.errors import CheckFailedError
from emogen.terminal import progress, run_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emogen.schemas import ImageRecord

__all__ = ["app", "main"]

SHOWN_PROBLEMS = 10

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
            "--metadata", help="What you know of the images, a line each; default: metadata.jsonl inside."
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


def _advancing(records: list[ImageRecord], advance: Any) -> Iterator[ImageRecord]:
    for record in records:
        yield record
        advance(note=record.id)


app.command()(generate)


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
) -> None:
    """Write a run's samples for another trainer; the same samples always give the same bytes."""
    from emogen.exporters.export import export as write
    from emogen.store import read_samples

    report = write(read_samples(run), format, out)
    typer.echo(f"wrote {report.rows} rows of {report.written} samples to {report.path} ({format})")
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
    typer.echo(f"the embedded model is ready: {weights.name}")


def main() -> NoReturn:
    """Run the command line."""
    run_app(app)
