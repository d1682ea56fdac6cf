"""What makes a run repeatable, as `run.json` keeps it, and what is not as it was when a run is repeated."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Container, Iterator, Mapping
from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from emogen.backends import Backend
from emogen.errors import InputError
from emogen.judging import instruction, parameters_of
from emogen.opening import out_of, records_path, sight_of, source_of
from emogen.prompts import PromptRenderer
from emogen.resources import checkout
from emogen.revision import git_revision
from emogen.settings import RunSettings
from emogen.settings.keeping import kept

__all__ = ["INPUTS", "differences", "manifest_of"]

PACKAGES: Final = (
    "emovit-toolkit",
    "aiohttp",
    "jinja2",
    "json-repair",
    "openai",
    "orjson",
    "pydantic",
    "torch",
    "xllamacpp",
)
# What is read, as the manifest calls it → how it is named on the command line.
INPUTS: Final = {
    "records": "emogen generate records.jsonl --config run.json",
    "captions": "--captions captions.jsonl",
    "metadata": "--metadata metadata.jsonl",
}


def manifest_of(settings: RunSettings, backend: Backend | None, renderer: PromptRenderer) -> dict[str, Any]:
    """Return what makes a run repeatable: its settings, inputs, model, parameters, hashes and versions."""
    asked = [kind.name for kind in map(instruction, settings.types) if kind.asks_model]
    records, out = records_path(settings), out_of(settings)
    guided = backend is not None and backend.guided
    return {
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "records": records.name,
        "records_sha256": _file_sha256(records),
        "captions_sha256": _file_sha256(settings.data.captions),
        "metadata_sha256": _file_sha256(settings.data.metadata),
        # Relative, so that the run folder and the images can be moved together.
        "image_root": os.path.relpath(source_of(settings).image_root.resolve(), out.resolve()),
        "types": list(settings.types),
        "labels": list(settings.labels) if settings.labels else None,
        "backend": backend.name if backend else None,
        "model": backend.model if backend else None,
        "parameters": parameters_of(backend, sight_of(settings)) if backend else {},
        "notice": backend.notice if backend else "",
        "takes_corrections": backend.takes_corrections if backend else False,
        "templates": {name: renderer.template_sha256(name, guided=guided) for name in asked},
        "seeds": {name: renderer.seeds_sha256(name) for name in asked},
        # What was shown is needed again where answers are compared with it, long after a user's folder was edited.
        "seed_examples": {
            name: [seed.model_dump(mode="json", exclude_defaults=True) for seed in renderer.seeds(name)]
            for name in asked
        },
        "examples": renderer.examples,
        "seed": renderer.seed,
        "settings": kept(settings, out),
        "versions": {"python": platform.python_version(), **_versions()},
        "git_revision": git_revision(checkout()),
    }


def _file_sha256(path: Path | None) -> str | None:
    """Return the hash of a file; None for a folder, a data set or nothing."""
    if path is None or not path.is_file():
        return None
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def differences(before: Mapping[str, Any], now: Mapping[str, Any], named: Container[str]) -> Iterator[str]:
    """Yield what a run that repeats another has that the other had not, a line each.

    Args:
        before: The manifest of the run that is repeated.
        now: The manifest of this run.
        named: Which of `INPUTS` the user named anew, and so may be other ones on purpose.

    Raises:
        InputError: the records, or what is known of them, are other ones, and the user may not know.
    """
    for name, how in INPUTS.items():
        if before.get(f"{name}_sha256") != now[f"{name}_sha256"]:
            if name not in named:
                raise InputError(
                    f"the {name} have changed since the run that is to be repeated",
                    where=name,
                    remedy=f"Name them, as {how}, to go on with these.",
                )
            yield f"the {name} are other ones"
    if now["records_sha256"] is None:
        yield "whether the records are the same is not known, since they are no file"
    for key, what in (("templates", "template"), ("seeds", "seed examples")):
        then = before.get(key) or {}
        for name, sha256 in now[key].items():
            if then.get(name) != sha256:
                yield f"other {what} of {name}"
    versions = before.get("versions") or {}
    for package in sorted({*versions, *now["versions"]}):
        was, found = versions.get(package), now["versions"].get(package)
        if was != found:
            yield f"{package} {was or 'missing'}, now {found or 'missing'}"
    if before.get("git_revision") != now["git_revision"]:
        yield f"this program is at {now['git_revision']}, and was at {before.get('git_revision')}"
