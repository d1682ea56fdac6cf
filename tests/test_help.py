"""What both programs say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

import emogen.cli
import emovit_train.cli

PROGRAMS = {"emogen": emogen.cli.app, "emovit_train": emovit_train.cli.app}
# Of a window of 80 columns, which most have at least.
COLUMNS = 80


def groups() -> Iterator[tuple[str, Any]]:
    """Yield every command that has commands."""

    def below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        if hasattr(command, "commands"):
            yield name, command
            for part in command.commands:
                yield from below(f"{name} {part}", command.commands[part])

    for program, app in PROGRAMS.items():
        yield from below(program, typer.main.get_command(app))


def test_every_summary_fits_its_line() -> None:
    """In a list of commands each is summed up by a whole sentence, which does not end in dots."""
    for name, group in groups():
        context = group.make_context(name, [], resilient_parsing=True, terminal_width=COLUMNS)
        summaries = group.get_help(context).partition("Commands:\n")[2].splitlines()
        assert len(summaries) == len(group.commands), name
        assert not [line for line in summaries if line.endswith("...")]
