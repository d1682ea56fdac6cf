"""The command line: parse, call, print."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from emogen.cli_batch import batch_app
from emogen.cli_dedup import dedup
from emogen.cli_generate import generate
from emogen.cli_records import describe, records
from emogen.errors import InputError, UnknownNameError
from emogen.terminal import run_app, show_counts

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


app.command()(records)
app.command()(describe)
app.command()(generate)
app.command()(dedup)
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
    from emogen.setup_local import LOCAL, install_weights

    weights = install_weights(LOCAL, typer.echo)
    typer.echo(f"ready: {weights.name}")
    if find_spec("xllamacpp") is None:
        typer.echo("--backend embedded also needs: pip install 'emovit-toolkit[local]'")


@setup_app.command("embeddings")
def setup_embeddings() -> None:
    """Install and check the model of `emogen dedup --method embeddings` (84 MB)."""
    from emogen.setup_local import EMBEDDINGS, install_weights

    weights = install_weights(EMBEDDINGS, typer.echo)
    typer.echo(f"ready: {weights.name}")
    if find_spec("transformers") is None:
        typer.echo("--method embeddings also needs: pip install 'emovit-toolkit[embeddings]'")


def main() -> NoReturn:
    """Run the command line."""
    run_app(app)
