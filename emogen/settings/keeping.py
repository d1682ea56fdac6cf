"""What a run was told, kept in its folder: to be repeated, or gone on with elsewhere and much later."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emogen.settings import RunSettings
from emogen.settings.nesting import with_paths
from emogen.settings.reading import read_settings

__all__ = ["kept", "restored"]


def kept(settings: RunSettings, run: Path) -> dict[str, Any]:
    """Return settings as they are kept in a run folder: paths lead from it, so that all can be moved together."""
    return with_paths(
        settings.model_dump(mode="json"), lambda path: Path(os.path.relpath(path.resolve(), run.resolve()))
    )


def restored(told: Mapping[str, Any], run: Path) -> RunSettings:
    """Return settings that were kept in a run folder.

    Raises:
        InputError: another version of this program kept them.
    """
    given = with_paths(told, lambda path: Path(os.path.normpath(run.resolve() / path)))
    return read_settings({**given, "out": run}, lambda key: f"{run}, as it was told: {key}")
