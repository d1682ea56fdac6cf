"""Settings as files and options give them: nested dictionaries that nobody has validated yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from emogen.settings import setting_fields, value_kind
from emogen.sources import HUB_PREFIX
from emogen.storage import address_of

__all__ = ["merged", "nested", "value_at", "with_paths", "without"]

# The backend whose model is a file.
SCRIPTED: Final = "scripted"


def nested(values: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """Nest values by their keys: `("limits", "max_cost")` goes into the group `limits`."""
    given: dict[str, Any] = {}
    for key, value in values.items():
        given = merged(given, _alone(key, value))
    return given


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings in which `over` wins, setting by setting."""
    both = dict(under)
    for name, value in over.items():
        below = both.get(name)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            both[name] = merged(below, value)
        else:
            both[name] = value
    return both


def without(given: Mapping[str, Any], key: Sequence[str]) -> dict[str, Any]:
    """Return nested settings of which one is left out."""
    name, *inner = key
    rest = {other: value for other, value in given.items() if other != name}
    if inner and isinstance(given.get(name), Mapping):
        rest[name] = without(given[name], inner)
    return rest


def value_at(given: object, key: Sequence[str]) -> Any:
    """Return what was given for a key; None where nothing was."""
    for name in key:
        given = given.get(name) if isinstance(given, Mapping) else None
    return given


def with_paths(given: Mapping[str, Any], change: Callable[[Path], Path]) -> dict[str, Any]:
    """Return nested settings in which `change` was applied to every path: neither addresses nor names of the Hub."""
    changed = dict(given)
    for key, field in setting_fields():
        path = value_at(given, key)
        if value_kind(field) is not Path or not isinstance(path, str):
            continue
        if address := address_of(path):
            changed = merged(changed, _alone(key, address))
        elif not path.startswith(HUB_PREFIX):
            changed = merged(changed, _alone(key, str(change(Path(path)))))
    kind, _, script = str(given.get("backend")).partition(":")
    if kind == SCRIPTED and script:
        changed["backend"] = f"{kind}:{change(Path(script))}"
    return changed


def _alone(key: Sequence[str], value: Any) -> dict[str, Any]:
    for name in reversed(key):
        value = {name: value}
    return dict(value)
