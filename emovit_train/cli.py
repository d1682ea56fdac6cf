"""The command line: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from emogen.errors import InputError
from emogen.terminal import Version, run_app
from emovit_train.cli_datasets import datasets
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
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(datasets)

Images = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the photographs. Default: as the run's manifest says, else the data's folder."
    ),
]


Device = Annotated[str, typer.Option(help="Where to compute: auto (a GPU where there is one), cpu, or cuda.")]


@app.callback()
def program(version: Version = False) -> None:
    """Say what concerns all commands."""


app.command()(train)
app.command()(score)
app.command()(compare)


@app.command()
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="Folder written by `emovit_train train`.")],
    data: Annotated[
        Path, typer.Argument(help="A run folder, samples.jsonl or records.jsonl, or a data set (--as).")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results. Default: a folder inside CHECKPOINT.")
    ] = None,
    images: Images = None,
    untuned: Annotated[bool, typer.Option(help="Score the model as it was before tuning.")] = False,
    as_: Annotated[
        str | None, typer.Option("--as", help="DATA is this data set; see `emovit_train datasets list`.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Its labels. Default: the data set's first task.")] = None,
    split: Annotated[str, typer.Option(help="Of the data set: train, val, test, or all.")] = "test",
    answers: Annotated[
        bool, typer.Option(help="Let the model answer freely, too; `score` reads it.")
    ] = False,
    device: Device = "auto",
) -> None:
    """Rank the emotion labels of every record, and compare with majority and chance."""
    from emovit_train.console import show_evaluation
    from emovit_train.evaluation.evaluate import evaluate as run

    folder = out or checkpoint / ("evaluation-untuned" if untuned else "evaluation")
    result, _ = run(
        checkpoint,
        data,
        out=folder,
        images=images,
        untuned=untuned,
        answers=answers,
        dataset=as_,
        task=task,
        split=split,
        device=device,
    )
    show_evaluation(result, folder)


@app.command()
def predict(
    photos: Annotated[list[Path], typer.Argument(help="Photographs to ask about.")],
    checkpoint: Annotated[Path, typer.Option(help="Folder written by `emovit_train train`.")],
    ask: Annotated[str | None, typer.Option(help="The question. May be left out with --labels.")] = None,
    labels: Annotated[
        str | None, typer.Option(help="Rank these labels instead of answering freely: joy,fear or mikels-8.")
    ] = None,
    context: Annotated[
        str | None, typer.Option(help="The photographs' caption, for a model that was tuned with captions.")
    ] = None,
    decoding: Annotated[
        str, typer.Option(help="How answers are made: greedy, or as the references do: emovit, lavis.")
    ] = "greedy",
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest answer, in tokens. Default: that of DECODING.")
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option(min=1, help="Photographs at once; above 1, answers may depend on their company."),
    ] = 1,
    device: Device = "auto",
    untuned: Annotated[bool, typer.Option(help="Ask the model as it was before tuning.")] = False,
) -> None:
    """Ask about photographs: a free answer, or a ranking of labels by the sum and the mean of their log-probability."""
    if not ask and not labels:
        raise InputError("nothing is asked", where="predict", remedy='Add --ask "..." or --labels joy,fear.')
    from emovit_train.answering import Asked, show_answers
    from emovit_train.decoding import decoding_preset

    show_answers(
        photos,
        checkpoint,
        Asked.of(ask, labels, context),
        decoding=decoding_preset(decoding),
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        device=device,
        untuned=untuned,
    )


add_commands(app)


def main() -> NoReturn:
    """Run `emovit_train`; see `emogen.terminal.run_app` for the exit codes."""
    run_app(app)
