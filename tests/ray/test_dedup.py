"""Near-duplicates by the workers of a real cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ray
ROOT = Path(__file__).parents[2]
COMPARE = """
from emogen.dedup import minhash_on_ray
from emogen.dedup.minhash import MinHash
from emogen.on_ray.cluster import connected
from tests.emogen.dedup.test_minhash import varied

texts, done = varied(3000, 30, seed=1), []
alone = MinHash().matches(texts, 0.7, lambda count: None)
minhash_on_ray.PART_TEXTS = 500
with connected(None) as ray:
    found = minhash_on_ray.MinHashOnRay(ray).matches(texts, 0.7, done.append)
assert len(alone) > 500 and found == alone and sum(done) == len(texts)
"""


def test_as_without_a_cluster() -> None:
    """Two workers find the same near-duplicates, matches and scores as one process does."""
    path = os.pathsep.join(map(str, (ROOT / "tests", ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", COMPARE],
        env={**os.environ, "PYTHONPATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
