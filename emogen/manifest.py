"""What makes a run repeatable, as `run.json` keeps it."""

from __future__ import annotations

import datetime as dt
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from emogen.backends import Backend
from emogen.judging import instruction, parameters_of
from emogen.opening import out_of, records_path
from emogen.prompts import PromptRenderer
from emogen.settings import RunSettings
from emogen.sight import Sight, image_folder

__all__ = ["manifest_of"]


def manifest_of(
    settings: RunSettings, backend: Backend | None, renderer: PromptRenderer, sight: Sight | None = None
) -> dict[str, Any]:
    """Return what makes a run repeatable: inputs, model, parameters, prompt hashes and versions."""
    asked = [kind.name for kind in map(instruction, settings.types) if kind.asks_model]
    records, out = records_path(settings), out_of(settings)
    return {
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "records": records.name,
        # Relative, so that the run folder and the images can be moved together.
        "image_root": os.path.relpath(image_folder(records).resolve(), out.resolve()),
        "types": list(settings.types),
        "labels": list(settings.labels) if settings.labels else None,
        "backend": backend.name if backend else None,
        "model": backend.model if backend else None,
        "parameters": parameters_of(backend, sight) if backend else {},
        "notice": backend.notice if backend else "",
        "templates": {name: renderer.template_sha256(name) for name in asked},
        "seeds": {name: renderer.seeds_sha256(name) for name in asked},
        "examples": renderer.examples,
        "seed": renderer.seed,
        "versions": {"python": platform.python_version(), **_versions()},
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in ("emovit-toolkit", "aiohttp", "jinja2", "openai", "pydantic", "xllamacpp"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
