"""Which commit of this program is running, for manifests and checkpoints."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

__all__ = ["git_revision"]

GIT_TIMEOUT_S: Final = 5


def git_revision(folder: Path | None) -> str | None:
    """Return the commit of a checkout, with `-dirty` where files differ from it; None where git does not know."""
    if folder is None or not (folder / ".git").exists():
        return None
    words = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        told = subprocess.run(words, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() or None
