from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.sources.data import images
from benchmarks.sources.measure import COMMANDS, INSIDE, markdown, measure


def test_made_up_images_are_as_many_as_the_real_ones() -> None:
    """The whole data set has EmoSet-118K's counts, and a share of it that share of each class and list."""
    counts = Counter(split for split, _, _ in images(1))
    assert counts == {"train": 94_481, "val": 5_905, "test": 17_716}
    assert len({name for _, _, name in images(1)}) == 118_102
    assert Counter(emotion for split, emotion, _ in images(100) if split == "val")["awe"] == 7


@pytest.mark.slow
def test_every_part_is_measured(tmp_path: Path) -> None:
    """Each command runs to its end at both sizes, and the table has a line for each."""
    result = measure(tmp_path, 100, 1)
    assert list(result["parts"]) == [*COMMANDS, INSIDE]
    for small, large in result["parts"].values():
        assert (small["exit_code"], large["exit_code"]) == (0, 0)
        assert 0 < small["rows"] < large["rows"]
    assert all(name in markdown(result) for name in result["parts"])
