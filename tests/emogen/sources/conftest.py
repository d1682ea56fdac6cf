from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def jsonl(tmp_path: Path) -> Callable[..., Path]:
    """Write lines, or raw bytes, to a JSONL file."""

    def write(*lines: str, raw: bytes | None = None, name: str = "records.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(raw if raw is not None else "\n".join(lines).encode())
        return path

    return write
