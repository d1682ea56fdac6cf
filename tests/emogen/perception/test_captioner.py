from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch
from PIL import Image

from emogen.errors import InputError
from emogen.perception.captioner import Captioner
from emogen.perception.checkpoint import Machine, choose_machine
from emogen.schemas import ImageRecord

CPU = Machine("cpu", "float32")
KINDS = ("blip2", "blip", "encoder_decoder")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {kind: getattr(tiny_models, kind)(root / kind) for kind in KINDS}


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    random = np.random.default_rng(0)
    shapes = [(40, 50, 3), (64, 32, 3), (1, 1, 3)]
    return [Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)) for shape in shapes]


def captions(captioner: Captioner, images: list[Image.Image]) -> list[Any]:
    asked = [ImageRecord(id=str(place), image="x.png") for place in range(len(images))]
    found = captioner.find(asked, [captioner.prepare(image) for image in images])
    return [finding.get("caption") for finding in found]


@pytest.mark.parametrize(
    ("kind", "prompt"), [*((kind, None) for kind in KINDS), ("blip2", "a photo of"), ("blip", "a photo of")]
)
def test_a_batch_says_what_each_image_would(
    kind: str, prompt: str | None, folders: dict[str, Path], images: list[Image.Image]
) -> None:
    """Each model class writes about every image what it would write about it alone, and not its prompt."""
    captioner = Captioner(str(folders[kind]), CPU, prompt, max_new_tokens=8)
    together = captions(captioner, images)
    assert together == [captions(captioner, [image])[0] for image in images]
    assert len(set(together)) > 1
    assert not [text for text in together if "photo of" in text]


def test_blip2_writes_what_transformers_does(folders: dict[str, Path], images: list[Image.Image]) -> None:
    """A caption of BLIP-2 is what the model's own generation gives."""
    from transformers import AutoProcessor, Blip2ForConditionalGeneration

    captioner = Captioner(str(folders["blip2"]), CPU, max_new_tokens=8)
    processor = AutoProcessor.from_pretrained(folders["blip2"], backend="pil")
    model = Blip2ForConditionalGeneration.from_pretrained(folders["blip2"]).eval()
    with torch.inference_mode():
        tokens = model.generate(
            **processor(images=images, return_tensors="pt"), max_new_tokens=8, do_sample=False
        )
    expected = [text.strip() for text in processor.batch_decode(tokens, skip_special_tokens=True)]
    assert captions(captioner, images) == expected


def test_a_prompt_changes_the_caption(folders: dict[str, Path], images: list[Image.Image]) -> None:
    """What BLIP-2 is told before it writes matters to it."""
    plain, told = (Captioner(str(folders["blip2"]), CPU, prompt) for prompt in (None, "a face with"))
    assert captions(plain, images) != captions(told, images)
    assert plain.identity != told.identity


def test_no_prompt_for_a_model_that_takes_none(folders: dict[str, Path]) -> None:
    """A prompt that nothing would read is refused."""
    with pytest.raises(InputError, match="takes no prompt"):
        Captioner(str(folders["encoder_decoder"]), CPU, "a photo of")


def test_not_a_captioner(tmp_path: Path) -> None:
    """A model that writes nothing is refused by name."""
    with pytest.raises(InputError, match=r"--captioner .*clip: cannot be loaded"):
        Captioner(str(tiny_models.clip(tmp_path / "clip")), CPU)


def test_machines() -> None:
    """Without a GPU models run on the CPU in 32 bits; what is not there, or unknown, is refused."""
    if not torch.cuda.is_available():
        assert choose_machine() == Machine("cpu", "float32")
        with pytest.raises(InputError, match="--device cuda: cannot be used here"):
            choose_machine("cuda")
    assert choose_machine("cpu", "bfloat16").torch_dtype == torch.bfloat16
    with pytest.raises(InputError, match="--dtype: unknown number format 'int4'"):
        choose_machine("cpu", "int4")


def test_sixteen_bits(folders: dict[str, Path], images: list[Image.Image]) -> None:
    """The pixels go to the model in its own number format."""
    assert len(captions(Captioner(str(folders["blip2"]), Machine("cpu", "bfloat16")), images)) == 3
