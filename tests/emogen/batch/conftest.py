"""A run folder, a provider on loopback, and requests about rockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_stub import BatchStub
from batch_world import World

from emogen.batch import launching


@pytest.fixture
def world(tmp_path: Path, batch_stub: BatchStub, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(launching, "PAUSE_S", 0.01)
    with World(tmp_path / "run", batch_stub) as opened:
        yield opened
