"""A run file: what the options of `emogen generate` say, in YAML or TOML, or in the manifest of an earlier run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from emogen.errors import InputError, UnknownNameError
from emogen.settings.nesting import with_paths

__all__ = ["RunFile", "read_run_file"]

# Where a manifest holds what its run was told.
SETTINGS: Final = "settings"
MANIFEST_SUFFIX: Final = ".json"
LANGUAGES: Final = {".yaml": "YAML", ".yml": "YAML", ".toml": "TOML", MANIFEST_SUFFIX: "JSON"}
# No setting lies deeper, and a YAML document may hold itself.
DEEPEST: Final = 6
# Names under which people write a key itself; those of our settings are none of them.
_SECRET: Final = re.compile(
    r"((.*_)?(api_?key|secret|password|credentials?)|key|token|(access|auth|bearer)_token|authorization)",
    re.I,
)


@dataclass(frozen=True)
class RunFile:
    """A run file that was read.

    Attributes:
        path: The file.
        text: Its text.
        given: What it says, nested as `RunSettings` is; its relative paths lead from its folder.
    """

    path: Path
    text: str
    given: Mapping[str, Any]

    @property
    def is_manifest(self) -> bool:
        """Whether it is the manifest of an earlier run."""
        return self.path.suffix == MANIFEST_SUFFIX

    def place(self, key: str) -> str:
        """Return where a dotted key stands, for an error."""
        if self.is_manifest:
            return f"{self.path}: {SETTINGS}.{key}"
        line = _line_in(LANGUAGES[self.path.suffix], self.text, key.split("."))
        return f"{self.path}:{line}: {key}" if line else f"{self.path}: {key}"


def read_run_file(path: Path) -> RunFile:
    """Read a run file; what it says is not validated yet, see `emogen.settings.reading`.

    Raises:
        InputError: it cannot be read, is neither YAML nor TOML nor a manifest, or holds a key to a service.
    """
    if path.suffix not in LANGUAGES:
        raise UnknownNameError("kind of run file", path.suffix, LANGUAGES, where=path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"cannot be read: {reason}", where=path, remedy="Name a run file.") from error
    given = _read(LANGUAGES[path.suffix], text, str(path))
    if not isinstance(given, Mapping):
        raise InputError(
            "holds no settings",
            where=path,
            remedy="Write them as NAME: VALUE, such as records: records.jsonl.",
        )
    file = RunFile(path, text, with_paths(given, lambda named: path.parent / named.expanduser()))
    for key in _secrets(given):
        raise InputError(
            "a key to a service does not belong in a file",
            where=file.place(".".join(key)),
            remedy="Put it into an environment variable and name that: api_key_env, in the group model.",
        )
    return file


def _read(language: str, text: str, where: str) -> Any:
    # Late: whoever has no run file need not wait for what reads it.
    if language == "YAML":
        from emogen.run_file.yaml_text import read_yaml

        return read_yaml(text, where)
    if language == "TOML":
        from emogen.run_file.toml_text import read_toml

        return read_toml(text, where)
    try:
        return orjson.loads(text)[SETTINGS]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        raise InputError(
            "is no manifest that holds the settings of its run",
            where=where,
            remedy="Name the run.json of a run folder, or a run file in YAML or TOML.",
        ) from None


def _line_in(language: str, text: str, key: Sequence[str]) -> int | None:
    if language == "YAML":
        from emogen.run_file.yaml_text import line_in_yaml

        return line_in_yaml(text, key)
    from emogen.run_file.toml_text import line_in_toml

    return line_in_toml(text, key)


def _secrets(given: Mapping[str, Any], above: Sequence[str] = ()) -> Iterator[Sequence[str]]:
    for name, value in given.items():
        key = [*above, str(name)]
        if _SECRET.fullmatch(key[-1].replace("-", "_")):
            yield key
        elif isinstance(value, Mapping) and len(key) < DEEPEST:
            yield from _secrets(value, key)
