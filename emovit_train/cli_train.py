"""`emovit_train train`: parse, call, print."""

from __future__ import annotations

import contextlib
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from emogen.errors import InputError
from emogen.terminal import AsJson, say, show_json
from emovit_train.cli_asking import ImageRoot
from emovit_train.hub import obtain
from emovit_train.options import takes_settings
from emovit_train.settings import TrainSettings

__all__ = ["train"]


class Engine(StrEnum):
    """Whose training loop runs."""

    TORCH = "torch"
    LAVIS = "lavis"


@takes_settings
def train(
    settings: TrainSettings,
    data: Annotated[Path, typer.Argument(help="A run folder, its samples.jsonl, or an exported .json list.")],
    out: Annotated[Path, typer.Option(help="Folder for the checkpoint and its records.")],
    image_root: ImageRoot = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Only go on with an interrupted run; begin none.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin anew, and replace a checkpoint that is in OUT already.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Download MODEL from the Hugging Face Hub without asking.")
    ] = False,
    engine: Annotated[
        Engine,
        typer.Option(
            help="Whose loop: torch, or lavis, that of LAVIS 1.0.2 in the environment that `setup-lavis` makes. "
            "LAVIS takes checkpoints of the FlanT5 kind and lists exported as instructblip, crops images its own way, "
            "and knows the schedule lavis_epoch only; no Vicuna, resume, held-out losses, clipping, half precision, "
            "several GPUs."
        ),
    ] = Engine.TORCH,
    as_json: AsJson = False,
) -> None:
    """Tune a model on instructions.

    The frozen parts are checked to be untouched. Ctrl-C and SIGTERM end it after the step under way; the same
    command goes on from there, bit for bit. Several GPUs: torchrun --nproc-per-node 8 -m emovit_train train DATA
    --out OUT ...
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        # Of several processes each would download; there, `fetch` comes first.
        obtain(settings.model, settings.arch, yes=yes)
    if engine is Engine.LAVIS:
        _with_lavis(data, out, settings, image_root, as_json=as_json, overwrite=overwrite, resume=resume)
        return
    from emovit_train.console import show_report
    from emovit_train.train import train as run

    is_first = os.environ.get("RANK", "0") == "0"
    with contextlib.ExitStack() as stack:
        if not is_first:
            # One bar is enough; errors are printed outside of this.
            nowhere = stack.enter_context(Path(os.devnull).open("w"))
            stack.enter_context(contextlib.redirect_stderr(nowhere))
        report = run(data, out, settings, images=image_root, overwrite=overwrite, resume=resume)
    if is_first and as_json:
        show_json({"out": out, **report.model_dump()})
    elif is_first:
        show_report(report, out)


def _with_lavis(
    data: Path,
    out: Path,
    settings: TrainSettings,
    images: Path | None,
    *,
    as_json: bool,
    overwrite: bool,
    resume: bool,
) -> None:
    from emovit_train.lavis.engine import train_with_lavis

    if resume:
        raise InputError("LAVIS' runs do not go on", where="--resume", remedy="Begin anew, with --overwrite.")
    report = train_with_lavis(data, out, settings, images=images, overwrite=overwrite)
    say(f"trained    by LAVIS, {report.steps} steps over {report.rows} rows")
    say(f"loss       {report.first_loss:.3f} -> {report.last_loss:.3f}, of the first and the last batch")
    say(f"saved      {out}")
    if as_json:
        show_json({"out": out, **vars(report)})
