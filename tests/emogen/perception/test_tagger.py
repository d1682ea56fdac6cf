from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch
from PIL import Image

from emogen.errors import InputError
from emogen.perception import ATTRIBUTES
from emogen.perception.checkpoint import Machine
from emogen.perception.tagger import Tagger
from emogen.perception.vocabularies import value_set, wording
from emogen.schemas import ImageRecord

CPU = Machine("cpu", "float32")
TEXTS = ["a photo of a cat.", "a photo of a dog, asleep.", "a plain background."]
ANYTHING = dict.fromkeys((*ATTRIBUTES, "emotion"), 0.0)


@pytest.fixture(scope="module", params=["clip", "siglip"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    make: Any = getattr(tiny_models, request.param)
    path: Path = make(tmp_path_factory.mktemp("models") / request.param)
    return path


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    random = np.random.default_rng(0)
    shapes = [(40, 50, 3), (64, 32, 3), (1, 1, 3), (3, 300, 3)]
    return [Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)) for shape in shapes]


def records(count: int, **fields: object) -> list[ImageRecord]:
    return [ImageRecord.model_validate({"id": str(n), "image": f"{n}.png", **fields}) for n in range(count)]


def test_scores_are_those_of_transformers(folder: Path, images: list[Image.Image]) -> None:
    """Each logit is the one that the model's own forward pass gives for the same image and text."""
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    tagger = Tagger(str(folder), CPU)
    directions = tagger.image_directions([tagger.prepare(image) for image in images])
    scores = tagger.scores(directions, tagger.text_directions(TEXTS))
    pixels = AutoImageProcessor.from_pretrained(folder, backend="pil")(images=images, return_tensors="pt")
    padding = "max_length" if folder.name == "siglip" else True
    tokens = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=padding, return_tensors="pt")
    taken = {name: tokens[name] for name in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        expected = AutoModel.from_pretrained(folder)(**pixels, **taken).logits_per_image
    assert scores.shape == (len(images), len(TEXTS))
    assert scores.std() > 0.1
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-4)


def test_a_batch_says_what_each_image_would(folder: Path, images: list[Image.Image]) -> None:
    """No image changes what is said of another in its batch, and of one pixel something is said, too."""
    tagger = Tagger(str(folder), CPU, (*ATTRIBUTES, "emotion"), ANYTHING)
    asked = records(len(images))
    prepared = [tagger.prepare(image) for image in images]
    together = tagger.find(asked, prepared)
    assert together == [tagger.find([one], [its])[0] for one, its in zip(asked, prepared, strict=True)]
    assert len({str(finding) for finding in together}) > 1


def test_values_are_emosets(folder: Path, images: list[Image.Image]) -> None:
    """What is named is in EmoSet's value sets, up to three objects, and the emotion is one of the record's labels."""
    tagger = Tagger(str(folder), CPU, (*ATTRIBUTES, "emotion"), ANYTHING)
    found = tagger.find(records(4, labels=("joy", "anger")), [tagger.prepare(image) for image in images])
    assert all(finding["emotion"] in ("joy", "anger") for finding in found)
    named = {name for finding in found for name in finding} & set(ATTRIBUTES)
    assert named
    for finding in found:
        for name in named & finding.keys():
            values = finding[name] if name == "object" else [finding[name]]
            assert len(values) <= 3
            assert set(values) <= set(value_set(name))


def test_what_is_uncertain_or_known_is_not_named(folder: Path, images: list[Image.Image]) -> None:
    """A value below its threshold is absent, and what a record says already is not asked for."""
    strict = Tagger(str(folder), CPU, ("scene", "object"), {"scene": 1.0, "object": 1.0})
    prepared = [strict.prepare(image) for image in images]
    assert strict.find(records(4), prepared) == [{}] * 4
    loose = Tagger(str(folder), CPU, ("emotion",), ANYTHING)
    assert loose.find(records(4, emotion="awe"), prepared) == [{}] * 4


def test_a_text_of_absence_wins(
    folder: Path, images: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a text that says that there is nothing fits best, nothing is named, however low the threshold."""
    tagger = Tagger(str(folder), CPU, ("facial_expression",), ANYTHING)
    values = len(value_set("facial_expression"))
    for best, expected in ((2, value_set("facial_expression")[2]), (values, None)):
        scores = torch.zeros(1, values + len(wording("facial_expression").absent))
        scores[0, best] = 5.0
        monkeypatch.setattr(Tagger, "scores", lambda self, images, texts, scores=scores: scores)
        (finding,) = tagger.find(records(1), [tagger.prepare(images[0])])
        assert finding.get("facial_expression") == expected


def test_texts_are_embedded_once(
    folder: Path, images: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The texts of a value set go through the model once, for all images and batches."""
    tagger = Tagger(str(folder), CPU, ("facial_expression",), ANYTHING)
    prepared = [tagger.prepare(image) for image in images]
    first = tagger.find(records(4), prepared)
    monkeypatch.delattr(Tagger, "text_directions")
    assert tagger.find(records(4), prepared) == first


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("no/such/folder", "no such folder"),
        ("./missing", "no such folder"),
        ("owner/name", "cannot be loaded"),
        ("models/mistyped", "no such folder"),
    ],
)
def test_no_such_checkpoint(
    spec: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is not there, or a model that the Hub does not give, is named with the option and what to do.

    The Hub is not asked for what lies beside something that is here.
    """
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=f"--tagger {spec}: {expected}.*Name a folder"):
        Tagger(spec, CPU)


def test_another_kind_of_checkpoint(tmp_path: Path) -> None:
    """A model that cannot compare is refused, and so is a checkpoint that is damaged."""
    from transformers import ViTConfig, ViTModel

    ViTModel(ViTConfig(**tiny_models.VISION)).save_pretrained(tmp_path / "vit")
    with pytest.raises(InputError, match="does not compare images with texts"):
        Tagger(str(tmp_path / "vit"), CPU)
    damaged = tiny_models.clip(tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match="damaged: cannot be loaded"):
        Tagger(str(damaged), CPU)


def test_words_of_all_values() -> None:
    """Every value of every attribute is put in words without underscores, slashes or brackets."""
    for name in ATTRIBUTES:
        words = wording(name)
        said = [words.said(value) for value in value_set(name)]
        assert len(set(said)) == len(said)
        assert not [text for text in said if set(text) & set("_/()") or text != text.strip()]
        assert set(words.words) <= set(value_set(name))
        assert all("{}" in template for template in words.templates)
