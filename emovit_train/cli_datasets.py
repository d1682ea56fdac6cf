"""The commands under `emovit_train datasets`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emogen.completion import names_in
from emogen.errors import CheckFailedError
from emogen.terminal import AsJson, say, show_json
from emovit_train.cli_asking import Split

__all__ = ["datasets"]

SHOWN = 10

datasets = typer.Typer(
    name="datasets",
    help="The data sets that models are compared on.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Argument(help="The unpacked data set, or a file of labelled images.")]
As = Annotated[
    str | None,
    typer.Option(
        "--as",
        help="Which data set it is. Default: what is there decides; see `datasets list`.",
        autocompletion=names_in("emovit_train.evaluation.datasets:DATASETS"),
    ),
]
Task = Annotated[
    str | None,
    typer.Option(help="Which labels: 25, 7 or 2 of webemo, for example. Default: the data set's first."),
]


@datasets.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the data sets with their tasks and counts."""
    from emovit_train.evaluation.datasets import DATASETS

    kinds = {name: DATASETS.get(name) for name in DATASETS.names()}
    if as_json:
        show_json({name: {"tasks": kind.tasks, "images": kind.known.images} for name, kind in kinds.items()})
        return
    for name, summary in DATASETS.summaries().items():
        say(f"{name:12} {summary}")
        say(f"{'':12} --task {', '.join(kinds[name].tasks)}")


@datasets.command()
def check(
    folder: Folder,
    as_: As = None,
    task: Task = None,
    decode: Annotated[bool, typer.Option("--decode", help="Decode every image, too: slow.")] = False,
    show: Annotated[int, typer.Option("--show", min=0, help="How many problems to print.")] = SHOWN,
    as_json: AsJson = False,
) -> None:
    """Say what is in a copy of a data set and what is wrong with it.

    The exit code is 1 if anything is.
    """
    from emovit_train.evaluation.datasets import open_dataset
    from emovit_train.evaluation.datasets.check import check_dataset

    copy = check_dataset(open_dataset(folder, as_, task), decode=decode)
    if as_json:
        show_json(copy.model_dump())
    else:
        published = f" of {copy.published:,}" if copy.published else ""
        say(f"data set   {copy.dataset}, {copy.items:,}{published} images")
        if copy.by_label:
            say("labels     " + ", ".join(f"{label} {number:,}" for label, number in copy.by_label.items()))
        whose = "" if copy.official_split else " (ours: the authors made none)"
        say("split      " + ", ".join(f"{name} {number:,}" for name, number in copy.by_split.items()) + whose)
        say(f"test list  {copy.test_list}")
        for word, lines in (("wrong", copy.wrong), ("note", copy.remarks)):
            for line in lines[:show]:
                say(f"{word:10} {line}")
            if len(lines) > show:
                say(
                    f"{word:10} … and {len(lines) - show:,} more (--show {len(lines)} prints all, --json too)"
                )
    if copy.wrong:
        raise CheckFailedError(
            f"{len(copy.wrong):,} {'thing is' if len(copy.wrong) == 1 else 'things are'} wrong with this copy",
            where=folder,
            remedy="Mend them, or compare its results with nobody's.",
        )


@datasets.command()
def ids(
    folder: Folder,
    as_: As = None,
    task: Task = None,
    split: Split = "test",
    as_json: AsJson = False,
) -> None:
    """Print the ids of a split, which results are about, one a line."""
    from emovit_train.evaluation.datasets import open_dataset
    from emovit_train.evaluation.datasets.check import read_items
    from emovit_train.evaluation.items import in_split

    items, _ = read_items(open_dataset(folder, as_, task))
    chosen = [item.id for item in in_split(items, split, folder)]
    if as_json:
        show_json({"ids": chosen})
        return
    for name in chosen:
        say(name)
