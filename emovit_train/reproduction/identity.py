"""What a finished piece of work is known by, so that it is not done again, and never taken for another."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["digest_of", "fingerprint", "slug"]

# Of larger files their ends are read: weights of many gigabytes would take minutes.
_WHOLE: Final = 8 * 2**20
_END: Final = 2**20


def digest_of(value: Mapping[str, Any]) -> str:
    """Return ten hexadecimal digits of the SHA-256 of what JSON can say."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def fingerprint(place: str) -> str:
    """Return what a folder of weights is known by: names and sizes of its files, and their bytes.

    Of a file above 8 MiB the first and the last MiB count. What is no folder is known by its name.
    """
    folder = Path(place)
    if not folder.is_dir():
        return place
    digest = hashlib.sha256()
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()} {size}\n".encode())
        with path.open("rb") as file:
            if size <= _WHOLE:
                digest.update(file.read())
            else:
                digest.update(file.read(_END))
                file.seek(size - _END)
                digest.update(file.read())
    return digest.hexdigest()


def slug(text: str) -> str:
    """Return a text as the name of a file: letters and digits, lower-case, and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "arm"
