"""A checkpoint of ours, tuned or as it was before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emogen.terminal import note
from emovit_train.checkpoint import load_checkpoint, read_config
from emovit_train.evaluation.predictions import Ranking
from emovit_train.evaluation.predictors.predictor import PredictorOptions, Question, Reply
from emovit_train.features import encode_views, view_pixels
from emovit_train.objective import asked_of
from emovit_train.precision import best_device
from emovit_train.predict import Ranked, generate, rank

if TYPE_CHECKING:
    from torch import Tensor

    from emovit_train.model import Assembly

__all__ = ["Tuned"]


class Tuned:
    """A folder that `emovit_train train` wrote.

    Args:
        checkpoint: The folder.
        options: `untuned`, `device`, `batch_size` and `decoding` are looked at.

    Raises:
        InputError: the checkpoint or the device cannot be used.
    """

    ranks = True

    def __init__(self, checkpoint: str, options: PredictorOptions) -> None:
        self._folder = Path(checkpoint)
        self._options = options
        self._device = best_device(options.device)
        config = read_config(self._folder)
        self._takes_captions = config.spec.context == "caption"
        self.name = f"{self._folder.resolve().name}{', untuned' if options.untuned else ''}"
        self.trained_images = frozenset(config.trained_images)
        self.identity: dict[str, Any] = {
            "kind": "checkpoint",
            "tensors_sha256": config.tensors_sha256,
            "base_sha256": config.base_sha256,
            "untuned": options.untuned,
            "decoding": asdict(options.decoding),
        }
        self._model: Assembly | None = None

    def predict(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Reply]]:
        """See `Predictor`; a photograph's features are computed once per question, a batch ahead."""
        model = self._loaded()
        without = sum(question.caption is None for question in questions)
        if self._takes_captions and without:
            note(
                "this model was tuned with captions before its instructions, and "
                f"{without} of {len(questions)} records have none"
            )

        def pixels(path: Path) -> Tensor:
            return view_pixels(model.preprocessing, path, None)

        seen = encode_views(model, [question.image for question in questions], pixels)
        pairs = zip(questions, seen, strict=True)
        while some := list(islice(pairs, self._options.batch_size)):
            yield from _answered(model, some, self._options)

    def _loaded(self) -> Assembly:
        if self._model is None:
            self._model = load_checkpoint(self._folder, untuned=self._options.untuned, device=self._device)
        return self._model


def _answered(
    model: Assembly, asked: Sequence[tuple[Question, Tensor]], options: PredictorOptions
) -> Iterator[tuple[Question, Reply]]:
    import torch

    features = torch.stack([seen for _, seen in asked])
    questions = [question for question, _ in asked]
    texts = [asked_of(model, question.text, question.caption) for question in questions]
    speaking = [place for place, question in enumerate(questions) if question.speak]
    # One at a time: an answer is then the same whatever it is asked beside.
    said = generate(
        model, features[speaking], [texts[place] for place in speaking], decoding=options.decoding
    )
    answers = dict(zip(speaking, said, strict=True))
    rankings = _ranked(model, features, texts, questions)
    for place, question in enumerate(questions):
        yield question, Reply(answers.get(place), rankings.get(place))


def _ranked(
    model: Assembly, features: Tensor, texts: Sequence[str], questions: Sequence[Question]
) -> dict[int, Ranking]:
    """Return place → scores, of the questions that have candidates; those with the same ones are ranked together."""
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, question in enumerate(questions):
        if question.candidates:
            alike[tuple(sorted(question.candidates.values()))].append(place)
    found = {}
    for candidates, places in alike.items():
        ranked = rank(model, features[places], [texts[place] for place in places], candidates)
        for place, scores in zip(places, ranked, strict=True):
            found[place] = _ranking(questions[place], scores)
    return found


def _ranking(question: Question, scores: Sequence[Ranked]) -> Ranking:
    by_answer = {score.answer: score for score in scores}
    chosen = {label: by_answer[answer] for label, answer in question.candidates.items()}
    return Ranking(
        sums={label: score.log_prob_sum for label, score in chosen.items()},
        means={label: score.log_prob_mean for label, score in chosen.items()},
    )
