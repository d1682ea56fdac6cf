"""The command line: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from emogen.completion import names_in
from emogen.errors import InputError
from emogen.terminal import AsJson, Version, run_app
from emovit_train.cli_asking import Decoding, Device, MaxNewTokens
from emovit_train.cli_contamination import contamination
from emovit_train.cli_datasets import datasets
from emovit_train.cli_evaluate import evaluate
from emovit_train.cli_humour import humour
from emovit_train.cli_reproduce import reproduce
from emovit_train.cli_score import compare, score
from emovit_train.cli_train import train
from emovit_train.cli_weights import add_commands

__all__ = ["app", "main"]

app = typer.Typer(
    name="emovit_train",
    help=(
        "Tune the Q-Former of an InstructBLIP-like model on emotion instructions, score it, and ask it. "
        "The model nano runs anywhere and proves the machinery, not the method: for results worth reading, "
        "tune an InstructBLIP checkpoint."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(datasets)
app.add_typer(humour)


@app.callback()
def program(version: Version = False) -> None:
    """Say what concerns all commands."""


app.command()(train)
app.command()(evaluate)
app.command()(score)
app.command()(compare)
app.command()(contamination)
app.command()(reproduce)


@app.command()
def predict(
    images: Annotated[list[Path], typer.Argument(help="Images to ask about.")],
    checkpoint: Annotated[Path, typer.Option(help="Folder written by `emovit_train train`.")],
    ask: Annotated[str | None, typer.Option(help="The question. May be left out with --labels.")] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Rank these labels instead of answering freely: joy,fear or mikels-8.",
            autocompletion=names_in("emogen.labels:LABEL_SETS"),
        ),
    ] = None,
    context: Annotated[
        str | None, typer.Option(help="The images' caption, for a model that was tuned with captions.")
    ] = None,
    decoding: Decoding = "greedy",
    max_new_tokens: MaxNewTokens = None,
    batch_size: Annotated[
        int,
        typer.Option(min=1, help="Images at once; above 1, answers may depend on their company."),
    ] = 1,
    device: Device = "auto",
    untuned: Annotated[
        bool, typer.Option("--untuned", help="Ask the model as it was before tuning.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask about images: a free answer, or a ranking of labels.

    Labels are ranked by the sum and by the mean of their log-probability.
    """
    if not ask and not labels:
        raise InputError("nothing is asked", where="predict", remedy='Add --ask "..." or --labels joy,fear.')
    from emovit_train.answering import Asked, show_answers
    from emovit_train.decoding import decoding_preset

    show_answers(
        images,
        checkpoint,
        Asked.of(ask, labels, context),
        decoding=decoding_preset(decoding),
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        device=device,
        untuned=untuned,
        as_json=as_json,
    )


add_commands(app)


def main() -> NoReturn:
    """Run `emovit_train`; see `emogen.terminal.run_app` for the exit codes."""
    run_app(app)
