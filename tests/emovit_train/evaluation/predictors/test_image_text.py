"""Models of transformers: their answers and scores are the library's own, whatever they are asked beside."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from PIL import Image

from emogen.errors import InputError
from emovit_train.decoding import Decoding
from emovit_train.evaluation.instructions import INSTRUCTIONS, own_instruction
from emovit_train.evaluation.predictors import PredictorOptions, Question, Reply, open_predictor
from emovit_train.evaluation.predictors import image_text_scores as scores
from emovit_train.evaluation.predictors.image_text import ImageText
from tests.emovit_train.evaluation.predictors.tiny_image_text import MODELS

LABELS = ("awe", "fear", "joy")
ASKED = INSTRUCTIONS["paper-2"]


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = MODELS[name](tmp_path_factory.mktemp("model"))
        return made[name]

    return folder


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for colour in ("red", "blue", "green"):
        Image.new("RGB", (40, 30), colour).save(folder / f"{colour}.png")
    return folder


def opened(folder: Path, **options: Any) -> ImageText:
    decoding = Decoding(max_new_tokens=6)
    return open_predictor("model", str(folder), PredictorOptions(decoding=decoding, **options))  # type: ignore[return-value]


def question(photos: Path, colour: str, asked: Any = ASKED) -> Question:
    return Question(
        f"{asked.name} {colour}", photos / f"{colour}.png", asked.question(LABELS), asked.candidates(LABELS)
    )


def replies(predictor: ImageText, questions: list[Question]) -> dict[str, Reply]:
    return {asked.id: reply for asked, reply in predictor.predict(questions)}


def sums(reply: Reply) -> list[float]:
    assert reply.ranking is not None
    return list(reply.ranking.sums.values())


@pytest.mark.parametrize("name", MODELS)
def test_scores_are_the_librarys_loss(name: str, folder_of: Callable[[str], Path], photos: Path) -> None:
    """A candidate's score is what transformers itself computes as the loss of prompt and answer in one text."""
    predictor = opened(folder_of(name))
    asked = question(photos, "red")
    (reply,) = replies(predictor, [asked]).values()
    model, prompter = predictor._model, predictor._prompter
    inputs = prompter.inputs(Image.open(asked.image), asked.text)
    for label, answer in asked.candidates.items():
        tokens = scores.answer_tokens(
            predictor._processor.tokenizer,
            prompter.text(asked.text),
            answer,
            decoder_begins="t5" in name,
        )
        target = torch.tensor([tokens])
        if "t5" in name:
            whole, labels = dict(inputs), target
        else:
            whole = scores._extended(inputs, target)
            labels = torch.cat([torch.full_like(inputs["input_ids"], -100), target], 1)
        with torch.inference_mode():
            loss = float(model(**whole, labels=labels).loss)
        assert reply.ranking is not None
        assert reply.ranking.means[label] == pytest.approx(-loss, abs=2e-4)
        assert reply.ranking.sums[label] == pytest.approx(-loss * len(tokens), abs=2e-3)


@pytest.mark.parametrize("name", MODELS)
def test_answers_are_the_librarys(name: str, folder_of: Callable[[str], Path], photos: Path) -> None:
    """An answer is what the model's own greedy generation says after the prompt, and depends on the picture."""
    predictor = opened(folder_of(name))
    asked = question(photos, "red")
    (reply,) = replies(predictor, [asked]).values()
    inputs = predictor._prompter.inputs(Image.open(asked.image), asked.text)
    with torch.inference_mode():
        tokens = predictor._model.generate(**inputs, max_new_tokens=6, do_sample=False)[0]
    said = predictor._processor.tokenizer.decode(tokens, skip_special_tokens=True)
    assert reply.answer is not None
    assert said.strip().endswith(reply.answer)
    assert len(reply.answer) < len(asked.text)
    other = replies(predictor, [question(photos, "blue")])
    assert sums(next(iter(other.values()))) != pytest.approx(sums(reply), abs=1e-4)


@pytest.mark.parametrize("name", [name for name in MODELS if "t5" not in name])
def test_going_on_scores_as_reading_all(
    name: str, folder_of: Callable[[str], Path], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Candidates that go on from one reading of image and prompt score as those that are each read whole."""
    predictor = opened(folder_of(name))
    (quick,) = replies(predictor, [question(photos, "red")]).values()
    monkeypatch.setattr(scores, "CONTINUED", {})
    (whole,) = replies(predictor, [question(photos, "red")]).values()
    assert sums(quick) == pytest.approx(sums(whole), abs=1e-3)


def test_company_changes_nothing(folder_of: Callable[[str], Path], photos: Path) -> None:
    """Asked in batches, with longer and shorter questions beside, each gets the answer that it gets alone."""
    predictor = opened(folder_of("llava"), batch_size=4)
    short = own_instruction("short", "Which of {labels}?")
    asked = [question(photos, colour, how) for colour in ("red", "blue", "green") for how in (ASKED, short)]
    together = replies(predictor, asked)
    assert list(together) == [each.id for each in asked]
    for each in asked:
        alone = replies(predictor, [each])[each.id]
        assert together[each.id].answer == alone.answer
        assert sums(together[each.id]) == pytest.approx(sums(alone), abs=1e-4)


def test_families_have_their_own_prompts(folder_of: Callable[[str], Path]) -> None:
    """A chat template is followed where there is one, and otherwise the form that the family was trained with."""
    prompts = {name: opened(folder_of(name))._prompter.text("Why?") for name in MODELS}
    assert prompts["blip-2-opt"] == "Question: Why? Answer:"
    assert prompts["llava without a template"] == "USER: <image>\nWhy? ASSISTANT:"
    assert prompts["llava"].endswith("Why? ASSISTANT:")
    assert prompts["idefics"] == "Question: Why? Answer:"


def test_identity_knows_weights_and_decoding(folder_of: Callable[[str], Path], tmp_path: Path) -> None:
    """Other weights, or another decoding, are another predictor; the same folder elsewhere is the same one."""
    first = opened(folder_of("blip-2-opt"))
    shutil.copytree(folder_of("blip-2-opt"), tmp_path / "copy")
    assert opened(tmp_path / "copy").identity == first.identity
    assert open_predictor("model", str(tmp_path / "copy")).identity != first.identity
    weights = tmp_path / "copy" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert opened(tmp_path / "copy").identity != first.identity


def test_unusable_models(tmp_path: Path, folder_of: Callable[[str], Path]) -> None:
    """No folder, an empty one, a model that takes no questions, and weights that lack some: each says what to do."""
    for wrong, said in ((tmp_path / "gone", "no such folder"), (tmp_path, "cannot be loaded")):
        with pytest.raises(InputError, match=said):
            opened(wrong)
    with pytest.raises(InputError, match="answers no questions"):
        opened(tiny_models.clip(tmp_path / "clip"))
    with pytest.raises(InputError, match="answers no questions"):
        opened(tiny_models.encoder_decoder(tmp_path / "captioner"))
    broken = shutil.copytree(folder_of("blip-2-opt"), tmp_path / "broken")
    (broken / "model.safetensors").unlink()
    with pytest.raises(InputError, match="weights cannot be loaded"):
        list(opened(broken).predict([Question("q", tmp_path / "none.png", "What?")]))
