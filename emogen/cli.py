"""The command line: parse, call, print."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from emogen.cli_batch import batch_app
from emogen.cli_card import card
from emogen.cli_dedup import dedup
from emogen.cli_describe import describe
from emogen.cli_doctor import doctor
from emogen.cli_export import export
from emogen.cli_generate import generate
from emogen.cli_import import import_file
from emogen.cli_records import records
from emogen.cli_report import report
from emogen.cli_validate import validate
from emogen.run_file import read_run_file
from emogen.terminal import Version, run_app, say, show_counts

__all__ = ["app", "main"]

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


@app.callback()
def program(version: Version = False) -> None:
    """Say what concerns all commands."""


app.command()(records)
app.command()(describe)
app.command()(generate)
app.command()(dedup)
app.add_typer(batch_app, name="batch")


@app.command()
def rebuild(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="Run file whose checks are taken instead of those that the run was told."
        ),
    ] = None,
) -> None:
    """Make a run's samples anew from its journal, with today's parsers and checks; nothing is asked or paid."""
    from emogen.rebuilding import rebuild as rebuild_run
    from emogen.settings.reading import read_settings

    file = read_run_file(config) if config else None
    kept, rejected = rebuild_run(run, read_settings(file.given, file.place).checks if file else None)
    show_counts(kept, rejected)


app.command()(export)
app.command()(report)
app.command()(card)
app.command()(validate)
app.command("import")(import_file)
app.command()(doctor)


@setup_app.command("local")
def setup_local() -> None:
    """Install and check the embedded demonstration model's weights (94 MB)."""
    from emogen.setup_local import LOCAL, install_weights

    weights = install_weights(LOCAL, say)
    say(f"ready: {weights.name}")
    if find_spec("xllamacpp") is None:
        say("--backend embedded also needs: pip install 'emovit-toolkit[local]'")


@setup_app.command("embeddings")
def setup_embeddings() -> None:
    """Install and check the model of `emogen dedup --method embeddings` (84 MB)."""
    from emogen.setup_local import EMBEDDINGS, install_weights

    weights = install_weights(EMBEDDINGS, say)
    say(f"ready: {weights.name}")
    if find_spec("transformers") is None:
        say("--method embeddings also needs: pip install 'emovit-toolkit[embeddings]'")


def main() -> NoReturn:
    """Run the command line."""
    run_app(app)
