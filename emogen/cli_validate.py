"""`emogen validate`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from emogen.completion import names_in
from emogen.counting import counted
from emogen.errors import CheckFailedError
from emogen.terminal import AsJson, progress, say, show_json

if TYPE_CHECKING:
    from emogen.exporters import Problem

__all__ = ["validate"]

SHOWN_PROBLEMS: Final = 20


def validate(
    file: Annotated[Path, typer.Argument(help="A file, or the folder of an export, by whomever.")],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="emovit, imagefolder, instructblip, lavis-llava, llava, messages, parquet, sharegpt, webdataset.",
            autocompletion=names_in("emogen.exporters:EXPORTERS"),
        ),
    ],
    show: Annotated[int, typer.Option("--show", min=0, help="How many problems to print.")] = SHOWN_PROBLEMS,
    as_json: AsJson = False,
) -> None:
    """Say whether a file loads in the trainer that it is meant for.

    Which rules it breaks is told, and where. Exit code 0: it loads. 1: it breaks rules. 2: it cannot be read at all.
    """
    from emogen.exporters.validate import Validation
    from emogen.storage import refuse_address

    refuse_address(file, "What is validated")
    validation = Validation(file, format)
    found = 0
    listed: list[Problem] = []
    with progress("reading", None) as advance:
        for problem in validation.problems(advance):
            found += 1
            if as_json:
                listed.append(problem)
            elif found <= show:
                say(problem)
    if as_json:
        show_json({"file": file, "format": format, "rows": validation.rows, "problems": listed})
    elif found > show:
        say(f"… and {found - show:,} more (--show {found} prints all, --json too)")
    if found:
        raise CheckFailedError(
            f"breaks {counted(found, 'rule')} of {format} in {counted(validation.rows, 'row')}",
            where=file,
            remedy="Mend them.",
        )
    if not as_json:
        say(f"loads as {format}: {counted(validation.rows, 'row')}")
