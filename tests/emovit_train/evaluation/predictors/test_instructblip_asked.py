"""InstructBLIP as it comes: asked as a checkpoint is, and as transformers and LAVIS ask it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from emovit_train.checkpoint import save_checkpoint
from emovit_train.decoding import Decoding
from emovit_train.evaluation.instructions import INSTRUCTIONS
from emovit_train.evaluation.predictors import PredictorOptions, Question, Reply, open_predictor
from emovit_train.evaluation.predictors.instructblip import InstructBlip
from emovit_train.instructblip import read_preprocessing
from emovit_train.transformers_folder import load_complete
from tests.emovit_train.conftest import assemble_tiny
from tests.emovit_train.evaluation.predictors.tiny_image_text import SIDE, instructblip

LABELS = ("awe", "fear", "sadness")
ASKED = INSTRUCTIONS["paper-2"]
LONG = "Unleashed fury: a face of anger. Emotion: anger. " * 40


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return cache(lambda kind: instructblip(tmp_path_factory.mktemp(kind), t5=kind == "flan-t5"))


@pytest.fixture(params=["vicuna", "flan-t5"])
def folder(request: pytest.FixtureRequest, folder_of: Callable[[str], Path]) -> Path:
    return folder_of(request.param)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "stripes.png"
    image = Image.new("RGB", (40, 30), "red")
    image.paste("blue", (0, 0, 40, 9))
    image.save(path)
    return path


def question(photo: Path, before: str = "") -> Question:
    return Question("q", photo, before + ASKED.question(LABELS), ASKED.candidates(LABELS))


def asked(kind: str, model: Path, asked: Question, decoding: Decoding | None = None) -> Reply:
    options = PredictorOptions(decoding=decoding or Decoding(max_new_tokens=8))
    ((_, reply),) = open_predictor(kind, str(model), options).predict([asked])
    return reply


def transformers_own(folder: Path) -> tuple[Any, Any]:
    from transformers import InstructBlipForConditionalGeneration, InstructBlipProcessor

    model = load_complete(
        InstructBlipForConditionalGeneration, folder, torch.float32, float32=set(), remedy=""
    )
    return model.eval(), InstructBlipProcessor.from_pretrained(folder, backend="pil")


@pytest.mark.parametrize(("before", "penalty"), [("", 1.0), (LONG, 1.5)], ids=["short", "long"])
def test_before_tuning_a_checkpoint_says_what_its_folder_says(
    folder: Path, photo: Path, tmp_path: Path, before: str, penalty: float
) -> None:
    """`--model FOLDER` and a checkpoint that changes nothing of it give the same scores and answers, bit for bit."""
    save_checkpoint(tmp_path, assemble_tiny(folder), [])
    decoding = Decoding(max_new_tokens=8, repetition_penalty=penalty)
    as_it_is = asked("model", folder, question(photo, before), decoding)
    assert asked("checkpoint", tmp_path, question(photo, before), decoding) == as_it_is
    assert as_it_is.answer


def test_scores_are_transformers_own_loss(folder: Path, photo: Path) -> None:
    """Asked by transformers' processor and model, each candidate has the same log-probability."""
    ranking = asked("model", folder, question(photo)).ranking
    assert ranking is not None
    model, processor = transformers_own(folder)
    with Image.open(photo) as image:
        inputs = dict(processor(images=image, text=ASKED.question(LABELS), return_tensors="pt"))
    words, decodes = processor.tokenizer, model.config.use_decoder_only_language_model
    for label, answer in ASKED.candidates(LABELS).items():
        tokens = words(answer, add_special_tokens=False, return_tensors="pt").input_ids
        target = torch.cat([tokens, torch.tensor([[words.eos_token_id]])], 1)
        shown, labels = inputs, target
        if decodes:
            ids = torch.cat([inputs["input_ids"], target], 1)
            shown = {**inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
            labels = torch.cat([torch.full_like(inputs["input_ids"], -100), target], 1)
        with torch.inference_mode():
            loss = float(model(**shown, labels=labels).loss)
        assert ranking.means[label] == pytest.approx(-loss, abs=1e-4)
        assert ranking.sums[label] == pytest.approx(-loss * target.shape[1], abs=1e-3)


def test_greedy_answers_are_transformers_own(folder: Path, photo: Path) -> None:
    """Its own `generate` says the same after its own processor."""
    said = asked("model", folder, question(photo)).answer
    assert said
    model, processor = transformers_own(folder)
    with Image.open(photo) as image:
        inputs = processor(images=image, text=ASKED.question(LABELS), return_tensors="pt")
    with torch.inference_mode():
        tokens = model.generate(**inputs, max_new_tokens=8, do_sample=False)[0]
    assert processor.tokenizer.decode(tokens, skip_special_tokens=True).strip().endswith(said)


def test_examples_in_front_of_a_question_are_read(folder: Path, photo: Path) -> None:
    """The language model reads a question of any length whole, as in LAVIS; in training 128 tokens of it."""
    codec = assemble_tiny(folder).codec
    whole, row = codec.encode_question(LONG), codec.encode(LONG, "awe")
    assert len(whole.prompt) > 500
    assert len(row.prompt) == len(row.instruction) == len(whole.instruction) == 128
    ours, other = (asked("model", folder, question(photo, LONG + last)) for last in ("", "red"))
    assert ours.ranking != other.ranking
    first = asked("model", folder, question(photo, f"blue {LONG}"))
    assert ours.ranking != first.ranking


def test_images_are_prepared_as_transformers_reads_the_folder(folder: Path, tmp_path: Path) -> None:
    """Of two files that say how, the processor's counts; the older one where there is no other."""
    older = json.loads((folder / "preprocessor_config.json").read_text())
    assert older["image_mean"] == [0.5] * 3
    read = read_preprocessing(folder)
    _, processor = transformers_own(folder)
    assert list(read.mean) == pytest.approx(list(processor.image_processor.image_mean))
    assert read.size == SIDE
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(older))
    assert read_preprocessing(tmp_path).mean == (0.5, 0.5, 0.5)


def test_who_was_asked_is_known_by_its_weights(folder_of: Callable[[str], Path]) -> None:
    """Another kind of language model, or another decoding, is another predictor."""
    options = PredictorOptions()
    both = [open_predictor("model", str(folder_of(kind)), options) for kind in ("vicuna", "flan-t5")]
    assert all(isinstance(each, InstructBlip) for each in both)
    assert both[0].identity != both[1].identity
    again = PredictorOptions(decoding=Decoding(max_new_tokens=9))
    assert open_predictor("model", str(folder_of("vicuna")), again).identity != both[0].identity
