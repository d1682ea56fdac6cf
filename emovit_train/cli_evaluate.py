"""`emovit_train evaluate`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emogen.errors import InputError, UnfinishedError

__all__ = ["evaluate"]


def evaluate(
    data: Annotated[
        Path, typer.Argument(help="A run folder, samples.jsonl or records.jsonl, or a data set (--as).")
    ],
    checkpoint: Annotated[
        Path | None, typer.Option(help="Who is asked: a folder written by `emovit_train train`.")
    ] = None,
    untuned: Annotated[
        bool, typer.Option(help="Ask the checkpoint's model as it was before tuning.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results. Default: a folder inside CHECKPOINT.")
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the photographs. Default: as the run's manifest says, else the data's folder."
        ),
    ] = None,
    as_: Annotated[
        str | None, typer.Option("--as", help="DATA is this data set; see `emovit_train datasets list`.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Its labels. Default: the data set's first task.")] = None,
    split: Annotated[str, typer.Option(help="Of the data set: train, val, test, or all.")] = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="Ask about the first so many images only.")] = None,
    shuffle: Annotated[
        int | None, typer.Option(help="Seed: take the images in an order drawn with it, before --limit.")
    ] = None,
    instruction: Annotated[
        list[str] | None,
        typer.Option(
            help="How it is asked: categorical, paper-1, paper-2, or your own as NAME=TEXT or NAME=@FILE with "
            "{labels} in it. Can be given several times. Default: categorical, as in tuning."
        ),
    ] = None,
    order: Annotated[
        list[int] | None,
        typer.Option(
            help="Seed: ask each instruction once more, with the options of each image in another order.",
        ),
    ] = None,
    answers: Annotated[
        bool, typer.Option(help="Let the model answer freely, too; `score` reads it.")
    ] = False,
    ranking: Annotated[
        bool, typer.Option(help="Rank the labels by log-probability, where the model can.")
    ] = True,
    decoding: Annotated[
        str, typer.Option(help="How answers are made: greedy, or as the references do: emovit, lavis.")
    ] = "greedy",
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest answer, in tokens. Default: that of DECODING.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 8,
    device: Annotated[
        str, typer.Option(help="Where to compute: auto (a GPU where there is one), cpu, or cuda.")
    ] = "auto",
    overwrite: Annotated[bool, typer.Option(help="Throw away what OUT holds, and ask anew.")] = False,
) -> None:
    """Ask a model for the emotion of every image, and compare with majority and chance.

    What is in OUT already is not asked again: interrupted, the same command goes on.
    """
    from dataclasses import replace

    from emovit_train.console import show_evaluation
    from emovit_train.decoding import decoding_preset
    from emovit_train.evaluation.evaluate import evaluate as run
    from emovit_train.evaluation.instructions import read_instructions
    from emovit_train.evaluation.items import choose_images
    from emovit_train.evaluation.predictors import PredictorOptions, open_predictor

    if checkpoint is None:
        raise InputError("nobody is asked", where="evaluate", remedy="Add --checkpoint FOLDER.")
    preset = decoding_preset(decoding)
    options = PredictorOptions(
        untuned=untuned,
        device=device,
        batch_size=batch_size,
        decoding=preset if max_new_tokens is None else replace(preset, max_new_tokens=max_new_tokens),
    )
    folder = out or checkpoint / ("evaluation-untuned" if untuned else "evaluation")
    predictor = open_predictor("checkpoint", str(checkpoint), options)
    result, _ = run(
        predictor,
        choose_images(data, images, as_, task, split).some(limit, shuffle),
        out=folder,
        instructions=read_instructions(instruction or [], order or []),
        answers=answers,
        ranking=ranking,
        overwrite=overwrite,
    )
    show_evaluation(result, folder)
    if result.failed:
        raise UnfinishedError(
            f"{result.failed} questions have no answer yet",
            where=folder,
            remedy="Run the same command again.",
        )
