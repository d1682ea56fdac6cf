"""The options of a command that makes a run: one for each setting, made of its field in `RunSettings`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final

import typer

from emogen.settings import read_settings, setting_fields, value_kind

__all__ = ["takes_settings"]

ARGUMENT: Final = "records"


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each setting; its first parameter takes the settings, the rest stay options."""
    _, *last = inspect.signature(command, eval_str=True).parameters.values()
    own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in last]
    keys = {key[-1]: key for key, _ in setting_fields()}

    @functools.wraps(command)
    def run(ctx: typer.Context, **values: Any) -> None:
        given = {keys[name]: values[name] for name in keys if _was_given(ctx, name)}
        flags = {".".join(key): _flag(key[-1]) for key in given}
        settings = read_settings(_nested(given), lambda key: flags.get(key, key))
        command(settings, **{parameter.name: values[parameter.name] for parameter in own})

    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [context, *_parameters(), *own]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _parameters() -> Iterator[inspect.Parameter]:
    for key, field in setting_fields():
        kind: Any = value_kind(field)
        shown = typer.Argument if key[-1] == ARGUMENT else functools.partial(typer.Option, _flag(key[-1]))
        yield inspect.Parameter(
            key[-1],
            inspect.Parameter.KEYWORD_ONLY,
            default=",".join(field.default) if isinstance(field.default, tuple) else field.default,
            annotation=Annotated[kind | None, shown(help=field.description)],
        )


def _flag(name: str) -> str:
    """Return a setting's option; what a number counts (`timeout_s`) is left to the help."""
    return f"--{name.removesuffix('_s').replace('_', '-')}"


def _was_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _nested(given: dict[tuple[str, ...], Any]) -> dict[str, Any]:
    """Nest the values by their keys: `("limits", "max_cost")` goes into the group `limits`."""
    nested: dict[str, Any] = {}
    for key, value in given.items():
        group = nested
        for name in key[:-1]:
            group = group.setdefault(name, {})
        group[key[-1]] = value
    return nested
