"""`emovit_train score` and `compare`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emogen.terminal import AsJson

__all__ = ["compare", "score"]

Out = Annotated[
    Path | None, typer.Option(help="Folder for the tables: scores.md, scores.json, CSV, pictures.")
]
By = Annotated[
    list[str] | None,
    typer.Option(help="Score the images apart by this stratum, as style. May be given several times."),
]
Unit = Annotated[
    str | None,
    typer.Option(
        help="The stratum whose values the bootstrap draws, where several images are of one thing. Default: each image."
    ),
]
Strata = Annotated[
    Path | None,
    typer.Option(
        help="CSV table of strata: a column item_id, and one for each, where predictions have none."
    ),
]


def score(
    predictions: Annotated[list[Path], typer.Argument(help="Files of predictions, each predictions.jsonl.")],
    out: Out = None,
    by: By = None,
    unit: Unit = None,
    strata: Strata = None,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Print precision, recall and F1 of each label, too.")
    ] = False,
    sample_sigma: Annotated[
        bool,
        typer.Option("--sample-sigma", help="Sensitivity by the sample's deviation, not the population's."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make tables of predictions: scores, stability, comparisons.

    They say how often each model is right, what changes with the instruction, and which model is better.
    """
    from emovit_train.console import Cut, show_scores

    cut = Cut(tuple(by or ()), unit, strata)
    show_scores(predictions, cut, out=out, as_json=as_json, per_class=per_class, sample=sample_sigma)


def compare(
    first: Annotated[Path, typer.Argument(help="Predictions of one model.")],
    second: Annotated[Path, typer.Argument(help="Predictions of another, on the same images.")],
    out: Out = None,
    by: By = None,
    unit: Unit = None,
    strata: Strata = None,
    as_json: AsJson = False,
) -> None:
    """Compare two models on what both were asked.

    By McNemar's exact test, and by their difference with its interval.
    """
    from emovit_train.console import Cut, show_comparison

    show_comparison(first, second, Cut(tuple(by or ()), unit, strata), out=out, as_json=as_json)
