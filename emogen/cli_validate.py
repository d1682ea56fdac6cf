"""`emogen validate`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from emogen.errors import CheckFailedError
from emogen.terminal import progress, say

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
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON object a problem, on stdout: place, field, rule, remedy.")
    ] = False,
    show: Annotated[int, typer.Option("--show", min=0, help="How many problems to print.")] = SHOWN_PROBLEMS,
) -> None:
    """Say whether a file loads in the trainer that it is meant for, and which rules it breaks where.

    Exit code 0: it loads. 1: it breaks rules. 2: it cannot be read at all.
    """
    from emogen.exporters.validate import Validation

    validation = Validation(file, format)
    found = 0
    with progress("reading", None) as advance:
        for problem in validation.problems(advance):
            found += 1
            if as_json:
                say(_as_json(problem))
            elif found <= show:
                say(problem)
    if found > show and not as_json:
        say(f"… and {found - show:,} more (--show {found} prints all, --json too)")
    if found:
        raise CheckFailedError(
            f"breaks {found:,} rules of {format} in {validation.rows:,} rows", where=file, remedy="Mend them."
        )
    if not as_json:
        say(f"{validation.rows:,} rows that load as {format}")


def _as_json(problem: Problem) -> str:
    import orjson

    fields = ("place", "field", "rule", "remedy")
    return orjson.dumps({name: getattr(problem, name) for name in fields}).decode()
