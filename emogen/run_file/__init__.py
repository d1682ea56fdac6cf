"""A run file: what the options of `emogen generate` say, in YAML or TOML, or in the manifest of an earlier run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from emogen.config_file import ConfigFile, read_config_file
from emogen.errors import InputError
from emogen.settings.nesting import with_paths

__all__ = ["RunFile", "read_run_file"]

# What it says is nested as `RunSettings` is; its relative paths lead from its folder.
RunFile = ConfigFile

# No setting lies deeper, and a YAML document may hold itself.
DEEPEST: Final = 6
# Names under which people write a key itself; those of our settings are none of them.
_SECRET: Final = re.compile(
    r"((.*_)?(api_?key|secret|password|credentials?)|key|token|(access|auth|bearer)_token|authorization)",
    re.I,
)


def read_run_file(path: Path) -> RunFile:
    """Read a run file; what it says is not validated yet, see `emogen.settings.reading`.

    Raises:
        InputError: it cannot be read, is neither YAML nor TOML nor a manifest, or holds a key to a service.
    """
    read = read_config_file(path)
    file = replace(read, given=with_paths(read.given, lambda named: path.parent / named.expanduser()))
    for key in _secrets(file.given):
        raise InputError(
            "a key to a service does not belong in a file",
            where=file.place(".".join(key)),
            remedy="Put it into an environment variable and name that: api_key_env, in the group model.",
        )
    return file


def _secrets(given: Mapping[str, Any], above: Sequence[str] = ()) -> Iterator[Sequence[str]]:
    for name, value in given.items():
        key = [*above, str(name)]
        if _SECRET.fullmatch(key[-1].replace("-", "_")):
            yield key
        elif isinstance(value, Mapping) and len(key) < DEEPEST:
            yield from _secrets(value, key)
