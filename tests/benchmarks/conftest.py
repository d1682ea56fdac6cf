from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The benchmarks are not installed: they run from the checkout.
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.generation.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, in_flight=8, latency_ms=20.0, limit_s=30.0)
