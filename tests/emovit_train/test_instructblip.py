"""Reading a checkpoint folder, and refusing what is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from emogen.errors import InputError
from emovit_train.instructblip import assemble, read_preprocessing
from emovit_train.model import EmoVIT
from emovit_train.models import MODELS, ModelSpec
from emovit_train.text import collate
from tests.emovit_train.conftest import QUERIES, assemble_tiny


def test_parts_are_those_of_the_checkpoint(tiny_model: EmoVIT) -> None:
    """Queries, widths and image size come from the folder."""
    assert tiny_model.query_tokens.shape == (1, QUERIES, 32)
    assert tiny_model.preprocessing.size == 28
    assert tiny_model.spec.frozen_dtype == "float32"


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


def test_missing_tensor_is_refused(tiny_model: EmoVIT, tiny_folder: Path, tmp_path: Path) -> None:
    """transformers would go on with queries of zeros where the file has none; here that is an error."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    tensors = load_file(folder / "model.safetensors")
    del tensors["query_tokens"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="1 tensors are missing or of another shape: query_tokens"):
        assemble_tiny(folder)


@pytest.mark.parametrize("pad", [-1, None])
def test_padding_has_an_embedding(tiny_folder: Path, tmp_path: Path, pad: int | None) -> None:
    """Where the configuration names no usable padding token, one that has an embedding is taken."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["pad_token_id"] = pad
    (folder / "config.json").write_text(json.dumps(config))
    model = assemble_tiny(folder)
    assert model.codec.pad_id == model.codec.eos_id


def test_vicuna_starts_with_another_token_than_its_tokenizer_says(
    tiny_model: EmoVIT, tiny_folder: Path
) -> None:
    """Pre-training put `</s>` before the prompt; the folder's own tokenizer would put nothing or `<s>` there."""
    from transformers import AutoTokenizer

    plain = AutoTokenizer.from_pretrained(tiny_folder)
    assert plain.bos_token == "<s>"
    assert tiny_model.codec.prompt_start == (plain.convert_tokens_to_ids("</s>"),)


def test_t5_prompt_ends_with_eos(tiny_t5_folder: Path) -> None:
    """T5's tokenizer closes every text, so LAVIS' prompts end with EOS and begin with nothing."""
    codec = assemble_tiny(tiny_t5_folder).codec
    row = codec.encode("What?", "red")
    assert row.prompt[-1] == row.answer[-1] == codec.eos_id
    assert codec.eos_id not in row.prompt[:-1]


def test_trained_parts_stay_float32_beside_half_precision(either_folder: Path) -> None:
    """With the frozen parts in bfloat16, everything that is trained is float32, and the loss hardly differs."""
    model = MODELS.get("instructblip").assemble(
        ModelSpec("instructblip", str(either_folder), frozen_dtype="bfloat16")
    )
    assert {tensor.dtype for tensor in model.trained_tensors().values()} == {torch.float32}
    frozen = [each for each in model.frozen_tensors().values() if each.is_floating_point()]
    assert {tensor.dtype for tensor in frozen} == {torch.bfloat16}
    batch = collate([model.codec.encode("What?", "It is red.")], model.codec)
    pixels = torch.randn(1, 3, 28, 28)
    losses = [
        each(each.encode_images(pixels), batch).mean().item()
        for each in (model, assemble_tiny(either_folder))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_t5_in_float16_is_refused(tiny_t5_folder: Path) -> None:
    """T5's activations leave the range of float16; the error names the formats that work."""
    with pytest.raises(InputError, match="overflows in float16"):
        MODELS.get("instructblip").assemble(
            ModelSpec("instructblip", str(tiny_t5_folder), frozen_dtype="float16")
        )


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


def test_another_vocabulary_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    """Weights of another vocabulary than the configuration's are named, not filled with random numbers."""
    folder = tmp_path / "other"
    shutil.copytree(tiny_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["vocab_size"] -= 1
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"of another shape: .*language_model\..*embed_tokens"):
        assemble_tiny(folder)
