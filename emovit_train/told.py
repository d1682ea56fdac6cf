"""What was given becomes settings: options win over a file, that over a preset, that over the model's defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from emogen.config_file import ConfigFile, read_config_file
from emogen.errors import EmovitError, InputError, UnknownNameError, shorten
from emovit_train.models import MODELS, ModelKind, resolve_model
from emovit_train.presets import PRESETS
from emovit_train.settings import TrainSettings

__all__ = ["option_of", "read_settings"]

REMEDY: Final = "See: emovit_train train --help"


def option_of(name: str) -> str:
    """Return a setting's option."""
    return f"--{name.replace('_', '-')}"


def read_settings(options: Mapping[str, Any], config: Path | None = None) -> TrainSettings:
    """Return the settings of a run.

    Args:
        options: Those that were given, by the names of their fields.
        config: A file of settings, or the `train.json` of an earlier run.

    Raises:
        InputError: no such model, preset or setting, or a value that cannot be used; names the option, or the line.
    """
    file = read_config_file(config) if config else None
    given = {**(_told_by(file) if file else {}), **options}

    def place(name: str) -> str:
        return file.place(name) if file and name not in options else option_of(name)

    try:
        kind = _kind(
            *(str(given.get(name, TrainSettings.model_fields[name].default)) for name in ("model", "arch"))
        )
    except EmovitError as error:
        error.where = place("arch" if error.where == "--arch" else "model")
        raise
    defaults = asdict(kind.defaults)
    preset = dict(_preset(given.get("preset"), place))
    if "warmup" in given:
        # A share that was given must not lose to steps that nobody named.
        preset.pop("warmup_steps", None)
    if "batch_tokens" in given:
        # A number of rows that nobody named must not bound what tokens measure.
        defaults.pop("batch_size", None)
        preset.pop("batch_size", None)
    settings = _validated({**defaults, **preset, **given}, place)
    for part in settings.parts:
        if part not in kind.trainable:
            raise UnknownNameError("part to train", part, kind.trainable, where=place("parts"))
    return settings


def _told_by(file: ConfigFile) -> dict[str, Any]:
    """Return what a file says; a folder in it is looked for beside it first."""
    given = dict(file.given)
    for name in ("model", "start", "feature_cache"):
        folder = given.get(name)
        if isinstance(folder, str) and (file.path.parent / folder).is_dir():
            given[name] = str(file.path.parent / folder)
    return given


def _kind(model: str, arch: str) -> ModelKind:
    kind, _ = resolve_model(model, arch)
    return MODELS.get(kind)


def _preset(name: Any, place: Callable[[str], str]) -> Mapping[str, Any]:
    if name is None:
        return {}
    if name not in PRESETS:
        raise UnknownNameError("preset", str(name), PRESETS, where=place("preset"))
    return PRESETS[name]


def _validated(given: Mapping[str, Any], place: Callable[[str], str]) -> TrainSettings:
    try:
        return TrainSettings.model_validate(given)
    except ValidationError as error:
        raise _input_error(error.errors()[0], place) from error
    except InputError as error:
        # Of a reader of texts, which names the setting.
        error.where = place(str(error.where))
        raise


def _input_error(first: ErrorDetails, place: Callable[[str], str]) -> InputError:
    if not first["loc"]:
        return InputError(first["msg"].removeprefix("Value error, "), where="settings", remedy=REMEDY)
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return UnknownNameError("setting", name, TrainSettings.model_fields, where=place(name))
    if first["type"] == "literal_error":
        known = re.findall(r"'([^']*)'", first["ctx"]["expected"])
        return UnknownNameError(f"value of {option_of(name)}", str(first["input"]), known, where=place(name))
    return InputError(
        f"{shorten(first['msg'])}, got {shorten(first['input'])!r}", where=place(name), remedy=REMEDY
    )
