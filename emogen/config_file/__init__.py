"""A file of settings in YAML or TOML, or the JSON in which an earlier run wrote down what it was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from emogen.errors import InputError, UnknownNameError

__all__ = ["ConfigFile", "read_config_file"]

# Where the record of a run holds what it was told.
SETTINGS: Final = "settings"
RECORD_SUFFIX: Final = ".json"
LANGUAGES: Final = {".yaml": "YAML", ".yml": "YAML", ".toml": "TOML", RECORD_SUFFIX: "JSON"}


@dataclass(frozen=True)
class ConfigFile:
    """A file of settings that was read.

    Attributes:
        path: The file.
        text: Its text.
        given: What it says, nested as it stands there.
    """

    path: Path
    text: str
    given: Mapping[str, Any]

    @property
    def is_record(self) -> bool:
        """Whether it is the record of an earlier run."""
        return self.path.suffix == RECORD_SUFFIX

    def place(self, key: str) -> str:
        """Return where a dotted key stands, for an error."""
        if self.is_record:
            return f"{self.path}: {SETTINGS}.{key}"
        line = _line_in(LANGUAGES[self.path.suffix], self.text, key.split("."))
        return f"{self.path}:{line}: {key}" if line else f"{self.path}: {key}"


def read_config_file(path: Path) -> ConfigFile:
    """Read a file of settings; what it says is not validated yet.

    Raises:
        InputError: it cannot be read, is neither YAML nor TOML nor a run's record, or holds no settings.
    """
    if path.suffix not in LANGUAGES:
        raise UnknownNameError("kind of run file", path.suffix, LANGUAGES, where=path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputError(
            f"cannot be read: {reason}", where=path, remedy="Name a YAML or TOML file."
        ) from error
    given = _read(LANGUAGES[path.suffix], text, str(path))
    if not isinstance(given, Mapping):
        raise InputError(
            "holds no settings",
            where=path,
            remedy="Write them as NAME: VALUE, such as seed: 1.",
        )
    return ConfigFile(path, text, given)


def _read(language: str, text: str, where: str) -> Any:
    # Late: whoever has no run file need not wait for what reads it.
    if language == "YAML":
        from emogen.config_file.yaml_text import read_yaml

        return read_yaml(text, where)
    if language == "TOML":
        from emogen.config_file.toml_text import read_toml

        return read_toml(text, where)
    try:
        return orjson.loads(text)[SETTINGS]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        raise InputError(
            "is no manifest that holds the settings of its run",
            where=where,
            remedy="Name the JSON that a run wrote beside its results, or a run file in YAML or TOML.",
        ) from None


def _line_in(language: str, text: str, key: Sequence[str]) -> int | None:
    if language == "YAML":
        from emogen.config_file.yaml_text import line_in_yaml

        return line_in_yaml(text, key)
    from emogen.config_file.toml_text import line_in_toml

    return line_in_toml(text, key)
