"""LLaVA checkpoints: the same numbers as transformers' own forward, tuned, saved, reloaded and merged."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from emogen.errors import InputError, UnknownNameError
from emovit_train.checkpoint import load_checkpoint
from emovit_train.llava import Llava
from emovit_train.merging import merge
from emovit_train.models import MODELS, ModelSpec, resolve_model
from emovit_train.predict import generate, rank
from emovit_train.text import TextBatch, collate
from emovit_train.train import train
from tests.emovit_train.conftest import tiny_settings
from tests.emovit_train.llava_tiny import save_tiny_llava

torch.set_num_threads(1)
ROWS = [
    ("What is in the image?", "It is red."),
    ("Is it blue? Say </s> or <image> if not.", "No: it is red, green and white."),
]


@pytest.fixture(scope="session")
def llava_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llava-tiny")
    save_tiny_llava(folder)
    return folder


@pytest.fixture
def llava(llava_folder: Path) -> Llava:
    model = MODELS.get("llava").assemble(ModelSpec("llava", str(llava_folder)))
    assert isinstance(model, Llava)
    return model


def pixels() -> Tensor:
    return torch.randn(len(ROWS), 3, 28, 28, generator=torch.Generator().manual_seed(1))


def batch_of(model: Llava) -> TextBatch:
    return collate([model.codec.encode(*row) for row in ROWS], model.codec)


def reference(folder: Path) -> Any:
    from transformers import LlavaForConditionalGeneration

    return LlavaForConditionalGeneration.from_pretrained(folder).eval()


def reference_inputs(folder: Path, model: Llava, batch: TextBatch) -> dict[str, Tensor]:
    image = reference(folder).config.image_token_index
    opening = torch.tensor([[*model.codec.opening, *[image] * 4]]).expand(len(ROWS), -1)
    unmarked = torch.full_like(opening, -100)
    return {
        "input_ids": torch.cat([opening, batch.row_ids], 1),
        "attention_mask": torch.cat([torch.ones_like(opening), batch.row_mask], 1),
        "labels": torch.cat([unmarked, batch.row_ids.where(batch.is_answer, -100)], 1),
        "pixel_values": pixels(),
    }


def test_folder_says_what_it_is(llava_folder: Path, tiny_folder: Path) -> None:
    """LLaVA and InstructBLIP folders are told apart by their configuration; --arch insists."""
    assert resolve_model(str(llava_folder)) == ("llava", str(llava_folder.resolve()))
    assert resolve_model(str(tiny_folder))[0] == "instructblip"
    kind, folder = resolve_model(str(tiny_folder), "llava")
    with pytest.raises(InputError, match="not a LLaVA checkpoint but instructblip"):
        MODELS.get(kind).assemble(ModelSpec(kind, folder))


def test_loss_and_projector_gradients_are_those_of_transformers(llava_folder: Path, llava: Llava) -> None:
    """Same batch, same weights: equal to 1e-5 in the loss and in every gradient of the projector."""
    batch = batch_of(llava)
    loss = llava.train()(llava.encode_images(pixels()), batch).mean()
    loss.backward()
    theirs = reference(llava_folder)
    expected = theirs(**reference_inputs(llava_folder, llava, batch)).loss
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)
    gradients = {name: each.grad for name, each in theirs.model.multi_modal_projector.named_parameters()}
    for name, parameter in llava.trained_tensors().items():
        assert torch.allclose(parameter.grad, gradients[name.removeprefix("projection.")], atol=1e-5), name


def test_prompt_is_tokenised_as_the_whole_chat_is(llava: Llava) -> None:
    """Opening, image and prompt are the tokens of the template's text; special tokens in a question stay text."""
    codec: Any = llava.codec
    content = [{"type": "image"}, {"type": "text", "text": ROWS[0][0]}]
    text = codec.lm_tokenizer.apply_chat_template([{"role": "user", "content": content}], tokenize=False)
    whole = codec.lm_tokenizer(text.removeprefix("<s>"), add_special_tokens=False)["input_ids"]
    image = codec.lm_tokenizer.convert_tokens_to_ids("<image>")
    assert [*codec.opening, image, *codec.encode_question(ROWS[0][0]).prompt] == whole
    hostile = codec.encode_question(ROWS[1][0]).prompt
    assert not {image, codec.eos_id} & set(hostile)
    assert "</s>" in codec.lm_tokenizer.decode(hostile)


def test_images_are_cut_as_clip_cuts_them(llava: Llava) -> None:
    """The middle square of a photograph, as transformers' processor makes it."""
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    made = Image.effect_noise((61, 40), 90).convert("RGB")
    theirs = CLIPImageProcessorPil(
        size={"shortest_edge": 28},
        crop_size={"height": 28, "width": 28},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )(made, return_tensors="pt")["pixel_values"][0]
    assert torch.allclose(llava.preprocessing(made), theirs, atol=1e-5)


@pytest.mark.parametrize("parts", [("projection",), ("projection", "lora")])
def test_tuned_reloaded_and_merged_answers_are_the_same(
    llava_folder: Path, run_folder: Path, tmp_path: Path, parts: tuple[str, ...]
) -> None:
    """Tuning lowers the loss and changes its parts alone; the merged folder says what the checkpoint says."""
    settings = tiny_settings(llava_folder, epochs=8, lr=5e-3, parts=parts, lora_rank=4)
    report = train(run_folder, tmp_path / "tuned", settings)
    assert report.loss_end < report.loss_start
    tuned = load_checkpoint(tmp_path / "tuned")
    assert {tuned.part_of(name) for name in tuned.trained_tensors()} == set(parts)

    merge(tmp_path / "tuned", tmp_path / "merged")
    batch = batch_of(tuned)  # type: ignore[arg-type]
    with torch.no_grad():
        loss = tuned(tuned.encode_images(pixels()), batch).mean().item()
        inputs = reference_inputs(tmp_path / "merged", tuned, batch)  # type: ignore[arg-type]
        merged = reference(tmp_path / "merged")(**inputs).loss.item()
    assert loss == pytest.approx(merged, abs=1e-5)


def test_it_answers_and_ranks(llava: Llava) -> None:
    """Answers and candidates go the way of every assembly."""
    features = llava.encode_images(pixels())
    assert len(generate(llava, features, [question for question, _ in ROWS])) == 2
    rows = rank(llava, features, [question for question, _ in ROWS], ["red", "It is blue."])
    assert [len(row) for row in rows] == [2, 2]
    batch = collate([llava.codec.encode(ROWS[0][0], "red")], llava.codec)
    with torch.no_grad():
        alone = -llava(features[:1], batch).sum().item()
    assert rows[0][0].log_prob_sum == pytest.approx(alone, abs=1e-4)


def test_a_part_that_it_has_not_is_refused(llava: Llava) -> None:
    """There is no Q-Former in a LLaVA, and the error names what there is."""
    with pytest.raises(UnknownNameError, match="Known: lora, projection"):
        llava.set_trained(("qformer",))


def test_unusable_template_is_refused(llava_folder: Path, tmp_path: Path) -> None:
    """A chat template without an image is named as what is wrong."""
    folder = tmp_path / "model"
    shutil.copytree(llava_folder, folder)
    (folder / "chat_template.jinja").write_text("{{ messages[0].content[1].text }}")
    with pytest.raises(InputError, match="chat template cannot be used"):
        MODELS.get("llava").assemble(ModelSpec("llava", str(folder)))
