"""What a saved checkpoint promises when it is loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from emogen.errors import InputError
from emovit_train.checkpoint import CONFIG, TENSORS, load_checkpoint, save_checkpoint
from emovit_train.model import EmoVIT
from emovit_train.predict import generate
from tests.emovit_train.conftest import save_tiny_checkpoint


def test_reloaded_model_gives_the_same_answers(tiny_model: EmoVIT, tmp_path: Path) -> None:
    """Saved and loaded, an assembly with changed weights answers as before, bit for bit."""
    with torch.no_grad():
        tiny_model.query_tokens += 1.0
        tiny_model.projection.weight *= 1.5
    save_checkpoint(tmp_path, tiny_model, [])
    again = load_checkpoint(tmp_path)
    features = tiny_model.encode_images(torch.randn(1, 3, 28, 28))
    assert generate(again, features, ["What?"]) == generate(tiny_model, features, ["What?"])
    for name, tensor in tiny_model.trained_tensors().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_untuned_is_the_starting_state(tiny_model: EmoVIT, tmp_path: Path) -> None:
    """Loaded as untuned, the trained parts are those that tuning started from."""
    start = tiny_model.query_tokens.detach().clone()
    with torch.no_grad():
        tiny_model.query_tokens += 1.0
    save_checkpoint(tmp_path, tiny_model, [])
    assert torch.equal(load_checkpoint(tmp_path, untuned=True).query_tokens, start)


def test_only_trained_tensors_are_saved(tiny_model: EmoVIT, tmp_path: Path) -> None:
    """The file holds the trained parts, nothing of encoder or language model."""
    tiny_model.set_trained(["projection"])
    save_checkpoint(tmp_path, tiny_model, [])
    names = set(load_file(tmp_path / TENSORS))
    assert names == {"projection.weight", "projection.bias"}


def test_wrong_base_is_refused(tiny_model: EmoVIT, tiny_folder: Path, tmp_path: Path) -> None:
    """A checkpoint does not load onto other frozen weights, and the error says which parts differ."""
    base, saved = tmp_path / "base", tmp_path / "saved"
    shutil.copytree(tiny_folder, base)
    saved.mkdir()
    save_checkpoint(saved, tiny_model, [])
    config = json.loads((saved / CONFIG).read_text())
    config["spec"]["folder"] = str(base)
    (saved / CONFIG).write_text(json.dumps(config))
    load_checkpoint(saved)
    save_tiny_checkpoint(base, seed=9)
    with pytest.raises(InputError, match=r"another base: image_encoder, language_model"):
        load_checkpoint(saved)


def test_folder_without_checkpoint_is_named(tmp_path: Path) -> None:
    """Any other folder is refused by name."""
    with pytest.raises(InputError, match="no checkpoint here"):
        load_checkpoint(tmp_path)


def test_foreign_config_is_refused(tiny_folder: Path) -> None:
    """A model folder of transformers is no checkpoint of ours, and the error says so."""
    with pytest.raises(InputError, match="not a checkpoint of emovit_train"):
        load_checkpoint(tiny_folder)


def test_half_replaced_checkpoint_is_noticed(tiny_model: EmoVIT, tmp_path: Path) -> None:
    """Tensors that do not belong to the config are refused instead of loaded."""
    save_checkpoint(tmp_path, tiny_model, [])
    with (tmp_path / TENSORS).open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match="does not belong"):
        load_checkpoint(tmp_path)
