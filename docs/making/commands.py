"""The page of all commands, made of the programs themselves: `make commands` writes docs/commands.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer.main
from typer.cli import get_docs_for_click

import emogen.cli
import emovit_train.cli

PAGE = Path(__file__).parents[1] / "commands.md"
PROGRAMS = {"emogen": emogen.cli.app, "emovit_train": emovit_train.cli.app}
HEAD = """# Commands

Every command with all of its options, as `--help` says it; made by `make commands`. Exit codes: 0 done; 1 the result is
not good; 2 unusable input; 3 a package is missing; 4 the language model cannot be asked; 5 not finished yet; 130
interrupted.
"""


def page() -> str:
    """Return the page as Markdown: a heading for each program and each command."""
    return "\n".join([HEAD, *(_program(name, app) for name, app in PROGRAMS.items())])


def _program(name: str, app: typer.Typer) -> str:
    command = typer.main.get_command(app)
    context = command.make_context(name, [], resilient_parsing=True)
    text = get_docs_for_click(obj=command, ctx=context, indent=1, name=name).rstrip() + "\n"
    return _with_whole_sentences(text, command)


def _with_whole_sentences(text: str, group: Any) -> str:
    """Return a text whose lists of commands say what a terminal has no room for."""
    for name, command in getattr(group, "commands", {}).items():
        whole = (command.help or "").split("\n\n")[0].replace("\n", " ")
        text = text.replace(f"* `{name}`: {command.get_short_help_str()}\n", f"* `{name}`: {whole}\n")
        text = _with_whole_sentences(text, command)
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
