"""The command line: parse, call, print."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from emogen.garbage import search_rarely
from emogen.terminal import AsJson, Version, run_app, say, show_counts, show_json

__all__ = ["app", "main"]

# Name → the function, or the program of further commands, in the order of the help.
COMMANDS: Final = {
    "records": "emogen.cli_records:records",
    "describe": "emogen.cli_describe:describe",
    "generate": "emogen.cli_generate:generate",
    "dedup": "emogen.cli_dedup:dedup",
    "batch": "emogen.cli_batch:batch_app",
    "rebuild": "emogen.cli:rebuild",
    "export": "emogen.cli_export:export",
    "report": "emogen.cli_report:report",
    "review": "emogen.cli_review:review",
    "card": "emogen.cli_card:card",
    "validate": "emogen.cli_validate:validate",
    "import": "emogen.cli_import:import_file",
    "doctor": "emogen.cli_doctor:doctor",
    "setup": "emogen.cli:setup_app",
}


class _Commands(Mapping[str, Any]):
    """Imports and makes a command when it is asked for: all of them take longer than most take to run."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            found = pkgutil.resolve_name(COMMANDS[name])
            if not isinstance(found, typer.Typer):
                program = typer.Typer(add_completion=False, rich_markup_mode=None)
                program.command(name)(found)
                found = program
            self._made[name] = get_command(found)
            self._made[name].name = name
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Program(TyperGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": _Commands()})


app = typer.Typer(
    name="emogen",
    cls=_Program,
    help="Make emotion visual instruction data from images, captions and attributes, with any language model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
setup_app = typer.Typer(
    help="Install what cannot come as an ordinary dependency.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def program(version: Version = False) -> None:
    """Say what concerns all commands."""


def rebuild(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="Run file whose checks are taken instead of those that the run was told."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a run's samples anew from its journal; nothing is asked.

    They are read and checked as today's parsers and checks do, or those of --config.
    """
    from emogen.rebuilding import rebuild as rebuild_run
    from emogen.run_file import read_run_file
    from emogen.settings.reading import read_settings

    file = read_run_file(config) if config else None
    kept, rejected = rebuild_run(run, read_settings(file.given, file.place).checks if file else None)
    if as_json:
        show_json({"out": run, "kept": kept, "rejected": rejected})
    else:
        show_counts(kept, rejected)


@setup_app.command("local")
def setup_local() -> None:
    """Install the embedded demonstration model's weights (94 MB)."""
    from emogen.setup_local import LOCAL, install_weights

    weights = install_weights(LOCAL, say)
    say(f"ready: {weights.name}")
    if find_spec("xllamacpp") is None:
        say("--backend embedded also needs: pip install 'emovit-toolkit[local]'")


@setup_app.command("embeddings")
def setup_embeddings() -> None:
    """Install the model of `emogen dedup --method embeddings` (84 MB)."""
    from emogen.setup_local import EMBEDDINGS, install_weights

    weights = install_weights(EMBEDDINGS, say)
    say(f"ready: {weights.name}")
    if find_spec("transformers") is None:
        say("--method embeddings also needs: pip install 'emovit-toolkit[embeddings]'")


def main() -> NoReturn:
    """Run the command line."""
    search_rarely()
    run_app(app)
