from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture
def cat_photograph() -> Path:
    """The photograph of a cat that scikit-image ships."""
    spec = find_spec("skimage")
    assert spec is not None, "the tests need the extra `demo`"
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "data" / "chelsea.png"
