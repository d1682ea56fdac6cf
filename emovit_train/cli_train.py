"""`emovit_train train`: parse, call, print."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Annotated

import typer

from emovit_train.options import takes_settings
from emovit_train.settings import TrainSettings

__all__ = ["train"]


@takes_settings
def train(
    settings: TrainSettings,
    data: Annotated[Path, typer.Argument(help="A run folder, its samples.jsonl, or an exported .json list.")],
    out: Annotated[Path, typer.Option(help="Folder for the checkpoint and its records.")],
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the photographs. Default: as the run's manifest says, else the data's folder."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Only go on with an interrupted run; begin none.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin anew, and replace a checkpoint that is in OUT already.")
    ] = False,
) -> None:
    """Tune a model on instructions; the frozen parts are checked to be untouched.

    Ctrl-C and SIGTERM end it after the step under way; the same command goes on from there, bit for bit. Several GPUs:
    torchrun --nproc-per-node 8 -m emovit_train train DATA --out OUT ...
    """
    from emovit_train.console import show_report
    from emovit_train.train import train as run

    is_first = os.environ.get("RANK", "0") == "0"
    with contextlib.ExitStack() as stack:
        if not is_first:
            # One bar is enough; errors are printed outside of this.
            nowhere = stack.enter_context(Path(os.devnull).open("w"))
            stack.enter_context(contextlib.redirect_stderr(nowhere))
        report = run(data, out, settings, images=images, overwrite=overwrite, resume=resume)
    if is_first:
        show_report(report, out)
