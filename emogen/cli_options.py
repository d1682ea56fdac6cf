"""The options of a command that makes a run: one for each setting, made of its field in `RunSettings`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from emogen.completion import completion_of
from emogen.errors import EmovitError
from emogen.run_file import RunFile, read_run_file
from emogen.settings import is_list, setting_fields, value_kind
from emogen.settings.nesting import merged, nested, value_at, without
from emogen.settings.reading import read_settings

__all__ = ["takes_settings"]

ARGUMENT: Final = "records"
KEYS: Final = {key[-1]: key for key, _ in setting_fields()}
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Run file (YAML or TOML) that says what options say, or the run.json of a run that is to be repeated. "
        "Options win over it.",
    ),
]


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--config` and an option for each setting.

    Its first parameter takes the settings, its second the run file (or None), in which is left what no option said
    otherwise; the others stay options of its own.
    """
    _, _, *last = inspect.signature(command, eval_str=True).parameters.values()
    own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in last]

    @functools.wraps(command)
    def run(ctx: typer.Context, config: Path | None, **values: Any) -> None:
        options = {KEYS[name]: _said(values[name]) for name in KEYS if _was_given(ctx, name)}
        file = _file_under(options, config)
        given = merged(file.given, nested(options)) if file else nested(options)
        settings = read_settings(given, lambda key: _place(key, options, file))
        try:
            command(settings, file, **{parameter.name: values[parameter.name] for parameter in own})
        except EmovitError as error:
            error.where = _where_it_was_said(error.where, file)
            raise

    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    config = inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Config)
    parameters = [context, *_parameters(), config, *own]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _parameters() -> Iterator[inspect.Parameter]:
    for key, field in setting_fields():
        kind: Any = list[str] if is_list(field) else value_kind(field)
        default = [",".join(field.default)] if isinstance(field.default, tuple) else field.default
        offered = completion_of(key[-1])
        shown = (
            typer.Argument
            if key[-1] == ARGUMENT
            else functools.partial(typer.Option, _flag(key[-1]), autocompletion=offered)
        )
        yield inspect.Parameter(
            key[-1],
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[kind | None, shown(help=field.description)],
        )


def _said(value: Any) -> Any:
    """Return what an option says; one that was given several times is one list."""
    return ",".join(value) if isinstance(value, list) else value


def _flag(name: str) -> str:
    """Return a setting's option; what a number counts (`timeout_s`) is left to the help."""
    return f"--{name.removesuffix('_s').replace('_', '-')}"


def _was_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _file_under(options: dict[tuple[str, ...], Any], config: Path | None) -> RunFile | None:
    """Read the run file, and leave out of it what options say."""
    if config is None:
        return None
    file = read_run_file(config)
    return replace(file, given=functools.reduce(without, options, file.given))


def _place(key: str, options: dict[tuple[str, ...], Any], file: RunFile | None) -> str:
    """Return where a dotted key, or an item of its list, was given: by an option, or in the file."""
    for option in options:
        if tuple(key.split("."))[: len(option)] == option:
            return _flag(option[-1])
    return file.place(key) if file else key


def _where_it_was_said(where: str | None, file: RunFile | None) -> str | None:
    """Return the place in the file for an error that names an option which nobody wrote."""
    for key in KEYS.values():
        if file and where == _flag(key[-1]) and value_at(file.given, key) is not None:
            return file.place(".".join(key))
    return where
