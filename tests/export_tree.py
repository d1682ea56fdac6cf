"""An export as tests compare it: what every file holds, and where every link leads."""

from __future__ import annotations

from pathlib import Path

__all__ = ["contents"]


def contents(out: Path) -> dict[str, bytes]:
    """Return the bytes of a file, or of each file in a folder, hidden ones included."""
    if not out.is_dir():
        return {"": out.read_bytes()}
    found = {}
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if path.is_symlink():
            # The place of the export itself is part of it.
            found[name] = b"-> " + path.resolve().as_posix().encode()
        elif path.is_file():
            found[name] = path.read_bytes()
    return found
