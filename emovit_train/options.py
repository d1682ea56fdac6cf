"""The options of a command that trains: one for each setting, made of its field in `TrainSettings`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import typer
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from emogen.completion import Complete, choices, names_in, several
from emovit_train.settings import TrainSettings
from emovit_train.told import option_of, read_settings

__all__ = ["takes_settings"]

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Settings in YAML or TOML, by their names here with underscores (batch_size: 8), or the train.json of an "
        "earlier run. Options win over it.",
    ),
]


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--config` and an option for each setting; its parameter `settings` takes what they come to."""
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.name != "settings"
    ]

    @functools.wraps(command)
    def run(ctx: typer.Context, config: Path | None, **values: Any) -> None:
        told = {name: values[name] for name in TrainSettings.model_fields if values[name] is not None}
        settings = read_settings(told, config)
        command(settings=settings, **{parameter.name: values[parameter.name] for parameter in own})

    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    file = inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Config)
    parameters = [context, *own, *_parameters(), file]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _parameters() -> Iterator[inspect.Parameter]:
    for name, field in TrainSettings.model_fields.items():
        kind: Any = _kind(field)
        # What nobody gives stays unsaid, so that a file, a preset or the model can say it.
        option = typer.Option(
            option_of(name), help=_help(field), show_default=False, autocompletion=_offered(name, field)
        )
        if kind is bool:
            option = typer.Option(
                f"{option_of(name)}/--no-{option_of(name)[2:]}", help=_help(field), show_default=False
            )
        yield inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
        )


def _help(field: FieldInfo) -> str:
    text = field.description or ""
    if field.default is None or field.default is False or "Default:" in text:
        return text
    return f"{text} Default: {field.default}."


def _offered(name: str, field: FieldInfo) -> Complete | None:
    """Return what a shell offers for a setting; None leaves it to the shell, which offers files."""
    if get_origin(field.annotation) is Literal:
        return choices(*get_args(field.annotation))
    return _OFFERED.get(name)


_OFFERED: Final[dict[str, Complete]] = {
    "model": choices("nano"),
    "arch": names_in("emovit_train.models:MODELS"),
    "parts": several(choices("qformer", "query_tokens", "projection", "ln_vision", "lora")),
    "preset": names_in("emovit_train.presets:PRESETS"),
    "types": several(choices("categorical", "conversation", "reasoning")),
}
_UNIONS: Final = (Union, UnionType)


def _kind(field: FieldInfo) -> type:
    """Return what a setting's value is on the command line: bool, int, float, or else str."""
    if any(isinstance(each, BeforeValidator) for each in field.metadata):
        return str
    annotation: Any = field.annotation
    if get_origin(annotation) in _UNIONS:
        annotation = next(each for each in get_args(annotation) if each is not type(None))
    if get_origin(annotation) is Literal:
        return str
    return annotation if annotation in (bool, int, float) else str
