"""`emogen batch`: parse, call, print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from emogen.cli_options import takes_settings
from emogen.errors import UnfinishedError
from emogen.run_file import RunFile
from emogen.settings import RunSettings
from emogen.terminal import AsJson

__all__ = ["batch_app"]

batch_app = typer.Typer(
    help="Ask OpenAI in batches: within a day, at half the price.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
RunArgument = Annotated[Path, typer.Argument(help="The run folder.")]


@batch_app.command()
@takes_settings
def submit(
    settings: RunSettings,
    file: RunFile | None,
    requests_per_batch: Annotated[
        int,
        typer.Option(
            "--requests-per-batch",
            min=1,
            max=50_000,
            help="Smaller batches fit under a limit of queued tokens.",
        ),
    ] = 50_000,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate requests, files, tokens and money, and stop.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Start the run folder anew; answers in its journal are used again."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Submit in batches what `emogen generate` would ask.

    The options are the same. What is answered or in a batch already is left out: submitting again takes up requests
    that failed or expired, and corrections of answers that could not be read.
    """
    from emogen.batch.drafting import Limits
    from emogen.cli_batch.submission import run_submit, show_estimate

    limits = Limits(requests=requests_per_batch)
    if dry_run:
        show_estimate(settings, limits, as_json=as_json)
        return
    with _interruptible("the provider keeps what was created; run the same command again"):
        run_submit(settings, limits, overwrite=overwrite, as_json=as_json)


@batch_app.command()
def status(
    run: RunArgument,
    wait: Annotated[bool, typer.Option("--wait", help="Look again until all batches have ended.")] = False,
    every_s: Annotated[float, typer.Option("--every", min=0.01, help="Seconds between two looks.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Show how a run's batches stand and what to do next.

    The exit code is 5 while some have not ended.
    """
    from emogen.cli_batch.looking import show_status
    from emogen.cli_batch.looking import wait as wait_for

    if wait:
        with _interruptible("the batches go on without this command"):
            wait_for(run, every_s)
    if not show_status(run, as_json=as_json):
        raise typer.Exit(UnfinishedError.exit_code)


@batch_app.command()
def collect(run: RunArgument, as_json: AsJson = False) -> None:
    """Make samples of the answers of ended batches.

    The answers are put into the journal first. The exit code is 5 while some batches go on.
    """
    from emogen.cli_batch.collection import fetch, make_samples

    with _interruptible("run the same command again: nothing is lost, and nothing is paid twice"):
        fetch(run)
        make_samples(run, as_json=as_json)


@batch_app.command()
def cancel(run: RunArgument, as_json: AsJson = False) -> None:
    """Ask the provider to stop a run's batches.

    What was answered before is paid for, and can be collected.
    """
    from emogen.cli_batch.looking import run_cancel

    run_cancel(run, as_json=as_json)


@contextmanager
def _interruptible(said: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; {said}.") from None
