"""What must be the same for two runs to share a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from emogen.errors import InputError, shorten

__all__ = ["IDENTITY", "PER_TYPE", "compared"]

# `PER_TYPE` only for the instruction types that both make. Limits and prices may differ.
IDENTITY: Final = (
    "records",
    "image_root",
    "labels",
    "backend",
    "model",
    "parameters",
    "examples",
    "seed",
    "settings.prompts.context",
    "settings.corrections",
    "settings.checks",
)
PER_TYPE: Final = ("templates", "seeds")


def compared(run: Path, before: dict[str, Any] | None, now: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest of a run that is to go on.

    Raises:
        InputError: there is none, or it has another identity.
    """
    if before is None:
        raise InputError(
            "holds samples but no run.json",
            where=run,
            remedy="Name another --out, or use --overwrite.",
        )
    pairs = [(key, _at(before, key), _at(now, key)) for key in IDENTITY]
    for key in PER_TYPE:
        then, hashes = before.get(key) or {}, now.get(key) or {}
        pairs += [(f"{key} of {name}", then[name], hashes[name]) for name in hashes if name in then]
    for key, was, found in (difference for pair in pairs for difference in _differences(*pair)):
        raise InputError(
            f"holds a run with other settings: {key.removeprefix('settings.')} was {shorten(was)} and is "
            f"{shorten(found)}",
            where=run,
            remedy="Name another --out, or use --overwrite: known answers are not paid again.",
        )
    return before


def _at(manifest: Any, key: str) -> Any:
    for name in key.split("."):
        manifest = manifest.get(name) if isinstance(manifest, dict) else None
    return manifest


def _differences(key: str, was: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the innermost values in which two are not the same, with their dotted keys."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in {**was, **now}:
            yield from _differences(f"{key}.{name}", was.get(name), now.get(name))
    elif was != now:
        yield key, was, now
