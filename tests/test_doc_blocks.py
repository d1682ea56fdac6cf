"""Every code block of README and docs is what it says: commands that exist, files that can be read."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jinja2
import pytest
import typer.main
import yaml
from doc_blocks import COMMANDS, PAGES, ROOT, Block, blocks_of, commands_in, commands_in_prose
from typer.exceptions import TyperException

import emogen.cli
import emovit_train.cli

PROGRAMS = {
    "emogen": typer.main.get_command(emogen.cli.app),
    "emovit_train": typer.main.get_command(emovit_train.cli.app),
}
LANGUAGES = ("bash", "python", "yaml", "toml", "json", "jinja", "text")
ALL = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that words lead to, and what is given to it."""
    command, rest = PROGRAMS[words[0]], words[1:]
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"no command {' '.join(words)}"
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def check_options(words: list[str]) -> None:
    """Fail on an option that the command does not have; arguments may be missing."""
    command, rest = command_of(words)
    context = command.make_context(words[0], [], resilient_parsing=True)
    command.make_parser(context).parse_args(rest)


def check_command(words: list[str]) -> None:
    """Fail unless a command line could be run as it stands."""
    while "=" in words[0]:
        words = words[1:]
    program, *rest = words
    if program == "torchrun" or rest[:1] == ["-m"]:
        program, *rest = rest[rest.index("-m") + 1 :]
    if program in PROGRAMS:
        command, given = command_of([program, *rest])
        # What an option has set is undone at the end.
        with command.make_context(program, given):
            pass
    elif program == "make":
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        assert {word for word in rest if "=" not in word} <= targets, words
    elif program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        named = re.findall(r"\[([a-z,-]+)\]", " ".join(rest))
        assert {extra for found in named for extra in found.split(",")} <= extras.keys(), words
    elif program.startswith(("examples.", "docs.", "benchmarks.")):
        assert (ROOT / program.replace(".", "/")).with_suffix(".py").exists() or (
            ROOT / program.replace(".", "/") / "__main__.py"
        ).exists()
    else:
        assert program in ("git", "cd", "mkdir", "cp", "export", "ray", "venv", "spacy", "."), (
            f"what is {program}?"
        )


def check_block(block: Block) -> None:
    """Fail unless a block can be read as what it is."""
    match block.language:
        case "bash":
            for words in commands_in(block.text):
                check_command(words)
        case "python":
            compile(block.text, str(block), "exec")
        case "yaml":
            yaml.safe_load(block.text)
        case "toml":
            tomllib.loads(block.text)
        case "json":
            for line in block.text.splitlines():
                json.loads(line)
        case "jinja":
            jinja2.Environment(autoescape=False).parse(block.text)


@ALL
def test_blocks(page: Path) -> None:
    """Commands are the programs' own, with options and values that they take; other blocks parse."""
    for block in blocks_of(page):
        assert block.language in LANGUAGES, f"{block}: no language that is looked at"
        try:
            check_block(block)
        except Exception as error:
            raise AssertionError(f"{block}: {error}") from error


@ALL
def test_commands_named_in_prose(page: Path) -> None:
    """Where a sentence names a command with options, it has them."""
    for words in commands_in_prose(page):
        check_options(words)


@pytest.mark.parametrize(
    "words",
    [
        "emogen generate records.jsonl --no-such-thing",
        "emogen generate records.jsonl --limit many",
        "emogen no-such-command",
        "emovit_train datasets no-such-command",
        "emogen export runs/mine --format llava",
        "python -m emovit_train train runs/mine --oot x",
        "make no-such-target",
        "pip install '.[no-such-extra]'",
        "no-such-program",
    ],
)
def test_what_does_not_exist_is_found(words: str) -> None:
    """The check of commands fails on a wrong option, value, command, target, extra or program."""
    (command,) = commands_in(words)
    with pytest.raises((AssertionError, TyperException)):
        check_command(command)


def test_commands_page_is_the_programs() -> None:
    """docs/commands.md is what `make commands` writes."""
    from docs.making.commands import page

    assert COMMANDS.read_text(encoding="utf-8") == page(), "run: make commands"


def test_the_arithmetic_of_scaling() -> None:
    """The tables of docs/scaling.md are what `make scaling` writes of the prices and of what was measured."""
    from docs.making.scaling import PAGE, page

    assert page() == PAGE.read_text("utf-8"), "run `make scaling`"
