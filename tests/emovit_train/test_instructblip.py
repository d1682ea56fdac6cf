"""Reading a checkpoint folder, and refusing what is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from emogen.errors import InputError
from emovit_train.instructblip import assemble, read_preprocessing
from emovit_train.model import EmoVIT
from emovit_train.models import ModelSpec
from tests.emovit_train.conftest import QUERIES


def test_parts_are_those_of_the_checkpoint(tiny_model: EmoVIT) -> None:
    """Queries, widths and image size come from the folder."""
    assert tiny_model.query_tokens.shape == (1, QUERIES, 32)
    assert tiny_model.preprocessing.size == 28
    assert tiny_model.spec.lm_dtype == "float32"


def test_word_embeddings_are_trained_as_in_the_reference(tiny_model: EmoVIT) -> None:
    """A Q-Former with a word table of its own trains it, as LAVIS does."""
    assert "qformer.embeddings.word_embeddings.weight" in tiny_model.trained_tensors()


@pytest.mark.parametrize("lost", ["config.json", "preprocessor_config.json", "qformer_tokenizer"])
def test_incomplete_folder_is_refused(tiny_folder: Path, tmp_path: Path, lost: str) -> None:
    """Without any of its parts, the folder is refused with a remedy."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    part = folder / lost
    shutil.rmtree(part) if part.is_dir() else part.unlink()
    with pytest.raises(InputError) as caught:
        assemble(ModelSpec("instructblip", str(folder)))
    assert caught.value.remedy


def test_other_kinds_of_models_are_refused(tmp_path: Path) -> None:
    """A folder of another architecture is refused by its name."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(InputError, match="not an InstructBLIP checkpoint but llama"):
        assemble(ModelSpec("instructblip", str(tmp_path)))


def test_images_must_be_square(tmp_path: Path) -> None:
    """The encoder takes squares only."""
    config = {"size": {"height": 10, "width": 20}, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="must be square"):
        read_preprocessing(tmp_path)
