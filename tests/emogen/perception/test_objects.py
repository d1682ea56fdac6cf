from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from emogen.errors import MissingExtraError
from emogen.image_file import read_rgb
from emogen.perception import objects
from emogen.perception.objects import MAX_OBJECTS, THRESHOLD, ObjectClassifier, class_names
from emogen.schemas import ImageRecord


@pytest.fixture(scope="module")
def classifier() -> ObjectClassifier:
    return ObjectClassifier()


def found(classifier: ObjectClassifier, *images: Image.Image) -> list[object]:
    records = [ImageRecord(id=str(place), image="x.png") for place in range(len(images))]
    findings = classifier.find(records, [classifier.prepare(image) for image in images])
    return [finding.get("object") for finding in findings]


def test_cat(cat_photograph: Path, classifier: ObjectClassifier) -> None:
    """The real weights see a cat in the photograph of a cat, and are sure that it is one."""
    image = read_rgb(cat_photograph)
    assert found(classifier, image) == [["tiger cat", "Egyptian cat"]]
    shares = classifier.probabilities([classifier.prepare(image)])[0]
    assert len(shares) == len(class_names()) == 1000
    assert float(shares.sum()) == pytest.approx(1, abs=1e-4)


def test_a_batch_says_what_each_image_would(cat_photograph: Path, classifier: ObjectClassifier) -> None:
    """Images of any size go together, and none changes what is said of another."""
    images = [Image.new("RGB", size) for size in ((1, 1), (1, 300), (5, 2))]
    images.append(read_rgb(cat_photograph))
    assert found(classifier, *images) == [found(classifier, image)[0] for image in images]


def test_unsure_names_nothing(classifier: ObjectClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes below the threshold are not named, and the others come most certain first."""
    shares = torch.zeros(2, 1000)
    shares[0, :4] = torch.tensor([THRESHOLD, 0.1, 0.5, 0.05])
    monkeypatch.setattr(ObjectClassifier, "probabilities", lambda self, prepared: shares)
    names = class_names()
    image = Image.new("RGB", (1, 1))
    assert found(classifier, image, image) == [[names[2], names[0]], None]
    assert MAX_OBJECTS == 3


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the model's package the answer is the line that installs it."""
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(MissingExtraError, match=r"--no-objects.*emovit-toolkit\[perception\]"):
        objects.ObjectClassifier()
