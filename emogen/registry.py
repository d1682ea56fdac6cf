"""Tables from a name to `"package.module:attribute"`, loaded on demand.

The value is entry-point syntax, so another package adds an entry of its own by the same line:

    [project.entry-points."emogen.backends"]
    mine = "my_package.backend:open_backend"
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Generic, TypeVar, cast

from emogen.errors import EmovitError, InputError, MissingExtraError, UnknownNameError

__all__ = ["Registry", "require"]

T = TypeVar("T")


class Registry(Generic[T]):
    """One table of a kind of thing, extended by the entry points of `group`.

    Args:
        kind: What an entry is, for error messages ("backend").
        group: Entry-point group of other packages' entries ("emogen.backends").
        table: Name → `"package.module:attribute"`.
    """

    def __init__(self, kind: str, group: str, table: Mapping[str, str]) -> None:
        self.kind = kind
        self.group = group
        self._table = dict(table)
        self._loaded: dict[str, T] = {}

    @cached_property
    def _others(self) -> dict[str, str]:
        points = _installed(tuple(sys.path)).select(group=self.group)
        return {point.name: point.value for point in points if point.name not in self._table}

    def __contains__(self, name: object) -> bool:
        """Whether there is such an entry; other packages are looked through only where it is none of ours."""
        return name in self._table or name in self._others

    def targets(self) -> dict[str, str]:
        """Return name → target, ours first; another package cannot take over one of our names."""
        return {**self._table, **self._others}

    def names(self) -> list[str]:
        """Return all known names, sorted."""
        return sorted(self.targets())

    def get(self, name: str) -> T:
        """Import the entry `name` when it is first asked for, and return it.

        Raises:
            UnknownNameError: no such entry; the message names the nearest and all.
            InputError: another package's entry cannot be imported.
        """
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> T:
        target = self._table.get(name) or self._others.get(name)
        if target is None:
            raise UnknownNameError(self.kind, name, self.targets())
        point = EntryPoint(name, target, self.group)
        if name in self._table:
            return cast(T, point.load())
        # Importing somebody else's module can raise anything.
        try:
            return cast(T, point.load())
        except EmovitError:
            raise
        except Exception as error:
            raise InputError(
                f"the {self.kind} {name!r} of another package cannot be loaded from {target!r}: {error}",
                remedy=f"Reinstall or remove the package that registers it under {self.group!r}.",
            ) from error

    def summaries(self) -> dict[str, str]:
        """Return name → first line of the entry's docstring."""
        return {
            name: (getattr(self.get(name), "__doc__", None) or "").strip().split("\n")[0]
            for name in self.names()
        }


@lru_cache(maxsize=1)
def _installed(path: tuple[str, ...]) -> Any:
    """Return the entry points of all packages on a path; to look through these takes milliseconds: once is enough."""
    return entry_points()


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional package.

    Args:
        module: What to import ("xllamacpp").
        extra: The extra that installs it ("local").
        purpose: What it is needed for, as the beginning of a sentence ("The embedded model").

    Raises:
        MissingExtraError: it is not installed; the message holds the install line.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] == module.split(".")[0]:
            raise MissingExtraError(module.split(".")[0], extra, purpose) from error
        raise
