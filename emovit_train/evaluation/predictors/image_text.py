"""Any image-text-to-text model of transformers: BLIP-2, LLaVA, IDEFICS, and what chats about images.

IDEFICS is the open reproduction of Flamingo, whose own weights were never released.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch

from emogen.errors import InputError
from emogen.image_file import read_rgb
from emogen.terminal import note
from emovit_train.evaluation.predictions import Ranking
from emovit_train.evaluation.predictors.enough_memory import enough_memory
from emovit_train.evaluation.predictors.image_text_prompts import Prompter, alike, together
from emovit_train.evaluation.predictors.image_text_scores import answer_tokens, scorer
from emovit_train.evaluation.predictors.predictor import PredictorOptions, Question, Reply
from emovit_train.evaluation.predictors.transformers_checkpoint import (
    REMEDY,
    asked_dtype,
    identity_of_weights,
    load_part,
)
from emovit_train.hub import local_folder
from emovit_train.precision import best_device, dtype_name
from emovit_train.transformers_folder import load_complete

__all__ = ["ImageText"]

_TAKE_NO_QUESTION: Final = ("vision-encoder-decoder", "git")
DECODERS: Final = 4


class ImageText:
    """A checkpoint that transformers loads by `AutoModelForImageTextToText`; code that comes with one is never run.

    Args:
        model: A folder, or `owner/name` on the Hugging Face Hub.
        config: Its configuration, as transformers read it.
        options: `device`, `dtype`, `batch_size` and `decoding` are looked at.

    Raises:
        InputError: it is no such checkpoint, takes no questions, or the device cannot be used.
        EmovitError: a package that the checkpoint needs is not installed.
    """

    ranks = True
    trained_images: frozenset[str] = frozenset()

    def __init__(self, model: str, config: Any, options: PredictorOptions) -> None:
        self._spec = model
        self._options = options
        self._config = config
        self._class = _class_of(config, model)
        self._device = best_device(options.device)
        self._dtype = asked_dtype(options.dtype, self._device)
        self.name = Path(model).resolve().name if Path(model).is_dir() else model
        self._processor: Any = load_part(model, "AutoProcessor", backend="pil")
        self._prompter = self._prompter_of()
        self.identity: Mapping[str, Any] = {
            "kind": "transformers",
            "model": config.model_type,
            "weights": identity_of_weights(model, config),
            "dtype": dtype_name(self._dtype),
            "decoding": asdict(options.decoding),
            "prompt": self._prompter.identity,
        }
        self._model: Any = None

    def predict(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Reply]]:
        """See `Predictor`; prompts and pictures of the same size are answered together, which changes no answer."""
        if self._model is None:
            self._model = self._loaded()
        size = self._options.batch_size
        with ThreadPoolExecutor(DECODERS) as threads:
            for start in range(0, len(questions), size):
                some = questions[start : start + size]
                images = threads.map(lambda question: read_rgb(question.image), some)
                made = [
                    self._prompter.inputs(image, question.text)
                    for image, question in zip(images, some, strict=True)
                ]
                with enough_memory(f"--model {self._spec}"):
                    yield from self._answered(some, made)

    def _answered(self, questions: Sequence[Question], made: list[Any]) -> Iterator[tuple[Question, Reply]]:
        speaking = [place for place, question in enumerate(questions) if question.speak]
        answers = dict(zip(speaking, self._said([made[place] for place in speaking]), strict=True))
        for place, (question, inputs) in enumerate(zip(questions, made, strict=True)):
            ranking = self._ranking(question, inputs) if question.candidates else None
            yield question, Reply(answers.get(place), ranking)

    def _said(self, made: Sequence[Any]) -> list[str]:
        answers = [""] * len(made)
        for places in alike(made):
            said = self._generated([made[place] for place in places])
            for place, answer in zip(places, said, strict=True):
                answers[place] = answer
        return answers

    def _generated(self, made: Sequence[Any]) -> list[str]:
        inputs = together(made, self._device, self._dtype)
        tokenizer = self._processor.tokenizer
        fills = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        with torch.inference_mode():
            tokens = self._model.generate(**inputs, **self._options.decoding.options(), pad_token_id=fills)
        prompt = inputs["input_ids"]
        if torch.equal(tokens[:, : prompt.shape[1]], prompt):
            tokens = tokens[:, prompt.shape[1] :]
        return [text.strip() for text in tokenizer.batch_decode(tokens, skip_special_tokens=True)]

    def _ranking(self, question: Question, inputs: Any) -> Ranking:
        prompt = self._prompter.text(question.text)
        text = getattr(self._config, "text_config", None) or self._config
        tokens = [
            answer_tokens(
                self._processor.tokenizer, prompt, answer, decoder_begins=bool(text.is_encoder_decoder)
            )
            for answer in question.candidates.values()
        ]
        sums = scorer(self._model)(self._model, together([inputs], self._device, self._dtype), tokens)
        found = list(zip(question.candidates, sums, tokens, strict=True))
        return Ranking(
            sums={label: total for label, total, _ in found},
            means={label: total / len(answer) for label, total, answer in found},
        )

    def _prompter_of(self) -> Prompter:
        if not hasattr(self._processor, "tokenizer"):
            raise InputError(
                "its processor reads no text", where=f"--model {self._spec}", remedy="Fetch all of its files."
            )
        return Prompter(self._processor, self._config.model_type)

    def _loaded(self) -> Any:
        if not Path(self._spec).is_dir():
            self._note_download()
        model = load_complete(self._class, Path(self._spec), self._dtype, float32=set(), remedy=REMEDY)
        return model.eval().to(self._device)

    def _note_download(self) -> None:
        try:
            local_folder(self._spec)
        except InputError:
            note(f"{self._spec} is not whole in the cache of the Hub: its weights are downloaded now")


def _class_of(config: Any, model: str) -> Any:
    import transformers

    known: Any = transformers.AutoModelForImageTextToText._model_mapping
    if type(config) not in known or config.model_type in _TAKE_NO_QUESTION:
        raise InputError(
            f"{config.model_type} answers no questions about images", where=f"--model {model}", remedy=REMEDY
        )
    return known[type(config)]
