"""What a result was measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.generation.children import ROOT

__all__ = ["machine"]

_PACKAGES: Final = ("emovit-toolkit", "aiohttp", "orjson", "pydantic", "jinja2", "uvloop")


def machine(folder: Path) -> dict[str, Any]:
    """Return the machine, the versions, and the disk that `folder` lies on."""
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="minutes"),
        "cpu": _field(Path("/proc/cpuinfo"), "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory": _field(Path("/proc/meminfo"), "MemTotal"),
        "disk": _file_system(folder.resolve()),
        "system": platform.platform(terse=True),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "revision": _revision(),
    }


def _field(path: Path, name: str) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _file_system(folder: Path) -> str:
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    around = [(mount[1], mount[2]) for mount in mounts if folder.is_relative_to(mount[1])]
    return max(around, key=lambda mount: len(mount[0]))[1] if around else "unknown"


def _revision() -> str:
    """Return the revision, with a mark where the measured package differs from it."""
    try:
        revision = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", "emogen", "templates", "seeds")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{revision}, with changes" if changed else revision


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
