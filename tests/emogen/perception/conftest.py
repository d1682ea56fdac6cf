from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two spinning threads are slower than one on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def cat_photograph() -> Path:
    """The photograph of a cat that scikit-image ships."""
    spec = find_spec("skimage")
    assert spec is not None, "the tests need the extra `demo`"
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "data" / "chelsea.png"
