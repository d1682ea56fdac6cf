"""`emovit_train evaluate`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emogen.completion import names_in
from emogen.errors import InputError, UnfinishedError
from emogen.terminal import AsJson, show_json
from emovit_train.cli_asking import (
    ANSWERS,
    BACKENDS,
    BaseUrl,
    Decoding,
    Device,
    Dtype,
    ImageRoot,
    MaxCost,
    MaxNewTokens,
    Split,
    who,
)

__all__ = ["evaluate"]


def evaluate(
    data: Annotated[
        Path, typer.Argument(help="A run folder, samples.jsonl or records.jsonl, or a data set (--as).")
    ],
    checkpoint: Annotated[
        Path | None, typer.Option(help="Who is asked: a folder written by `emovit_train train`.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Who is asked: any image-text-to-text model of transformers, in a folder or as owner/name of the "
            "Hugging Face Hub."
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            help="Who is asked: a model behind an API that sees, as `emogen generate --backend`.",
            autocompletion=BACKENDS,
        ),
    ] = None,
    untuned: Annotated[
        bool, typer.Option("--untuned", help="Ask the checkpoint's model as it was before tuning.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the results. Default: a folder inside CHECKPOINT; other models have none."
        ),
    ] = None,
    image_root: ImageRoot = None,
    as_: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="DATA is this data set; see `emovit_train datasets list`.",
            autocompletion=names_in("emovit_train.evaluation.datasets:DATASETS"),
        ),
    ] = None,
    task: Annotated[str | None, typer.Option(help="Its labels. Default: the data set's first task.")] = None,
    split: Split = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="Ask about the first so many images only.")] = None,
    shuffle: Annotated[
        int | None, typer.Option(help="Seed: take the images in an order drawn with it, before --limit.")
    ] = None,
    instruction: Annotated[
        list[str] | None,
        typer.Option(
            help="How it is asked: categorical, paper-1, paper-2, plain, revised, reasoning, or your own as NAME=TEXT "
            "or NAME=@FILE with {labels} in it. May be given several times. Default: categorical, as in tuning.",
            autocompletion=names_in("emovit_train.evaluation.instructions:INSTRUCTIONS"),
        ),
    ] = None,
    order: Annotated[
        list[int] | None,
        typer.Option(
            help="Seed: ask each instruction once more, with the options of each image in another order. May be "
            "given several times.",
        ),
    ] = None,
    examples: Annotated[
        Path | None,
        typer.Option(
            help="Ask each instruction once more with examples in front: captions of images of each label, from YAML "
            "(label: [captions]) or from records that have captions."
        ),
    ] = None,
    shots: Annotated[int, typer.Option(min=1, help="EXAMPLES: how many of each label.")] = 3,
    answers: Annotated[
        bool, typer.Option("--answers", help="Let the model answer freely, too; `score` reads it.")
    ] = False,
    ranking: Annotated[
        bool, typer.Option(help="Rank the labels by log-probability, where the model can.")
    ] = True,
    decoding: Decoding = "greedy",
    max_new_tokens: MaxNewTokens = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 8,
    dtype: Dtype = "auto",
    device: Device = "auto",
    max_cost: MaxCost = None,
    prices: Annotated[
        Path | None, typer.Option(help="BACKEND: a price table that goes before the bundled one.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="BACKEND: sampling temperature. Default: its own.")
    ] = None,
    base_url: BaseUrl = None,
    api_key_env: Annotated[
        str | None, typer.Option(help="BACKEND: environment variable that holds the key.")
    ] = None,
    in_flight: Annotated[
        int | None, typer.Option(min=1, help="BACKEND: how many requests may be under way at once.")
    ] = None,
    trained_on: Annotated[
        list[Path] | None,
        typer.Option(
            help="What the model was trained on, as for `contamination`: each row then says whether its image was "
            "among it. May be given several times."
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Throw away the predictions in OUT; what a BACKEND answered stays in its journal.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a model for the emotion of every image, and score it.

    It is compared with majority and chance. What is in OUT already is not asked again: interrupted, the same
    command goes on.
    """
    from emovit_train.console import show_evaluation
    from emovit_train.decoding import decoding_of
    from emovit_train.evaluation.contamination import image_list
    from emovit_train.evaluation.evaluate import evaluate as run
    from emovit_train.evaluation.examples import examples_text, read_examples
    from emovit_train.evaluation.instructions import read_instructions
    from emovit_train.evaluation.items import choose_images
    from emovit_train.evaluation.predictors import PredictorOptions, open_predictor

    kind, name = who("evaluate", checkpoint=checkpoint, model=model, backend=backend)
    if untuned and checkpoint is None:
        raise InputError(
            "only a checkpoint of ours has a state before tuning", where="--untuned", remedy="Leave it out."
        )
    folder = out or _default_out(checkpoint, untuned=untuned)
    every = choose_images(data, image_root, as_, task, split)
    shown = (
        examples_text(read_examples(examples, every.labels, every.ids, shots)) if examples is not None else ""
    )
    instructions = read_instructions(instruction or [], order or [], shown)
    wire = {
        "temperature": temperature,
        "base_url": base_url,
        "api_key_env": api_key_env,
        "in_flight": in_flight,
        "max_tokens": max_new_tokens,
    }
    options = PredictorOptions(
        untuned=untuned,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        decoding=decoding_of(decoding, max_new_tokens),
        journal=folder / ANSWERS,
        max_cost=max_cost,
        prices=prices,
        backend={name: value for name, value in wire.items() if value is not None},
    )
    predictor = open_predictor(kind, name, options)
    result, _ = run(
        predictor,
        every.some(limit, shuffle),
        out=folder,
        instructions=instructions,
        answers=answers,
        ranking=ranking,
        overwrite=overwrite,
        trained_on=[image_list(each, "train") for each in trained_on or []],
    )
    if as_json:
        show_json({"out": folder, **result.model_dump()})
    else:
        show_evaluation(result, folder)
    if result.failed:
        raise UnfinishedError(
            f"{result.failed} questions have no answer yet",
            where=folder,
            remedy="Run the same command again.",
        )


def _default_out(checkpoint: Path | None, *, untuned: bool) -> Path:
    if checkpoint is None:
        raise InputError("no folder for the results", where="evaluate", remedy="Name one: --out results.")
    return checkpoint / ("evaluation-untuned" if untuned else "evaluation")
