"""Asks an assembly of ours, tuned or not: what a checkpoint's answers are compared with is asked by the same code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from emovit_train.evaluation.predictions import Ranking
from emovit_train.evaluation.predictors.predictor import PredictorOptions, Question, Reply
from emovit_train.features import encode_views, view_pixels
from emovit_train.objective import asked_of
from emovit_train.predict import Ranked, generate, rank

if TYPE_CHECKING:
    from torch import Tensor

    from emovit_train.model import Assembly

__all__ = ["ask_assembly"]


def ask_assembly(
    model: Assembly, questions: Sequence[Question], options: PredictorOptions
) -> Iterator[tuple[Question, Reply]]:
    """Yield a reply to each question, in order; a photograph's features are computed once per question, a batch ahead.

    Args:
        model: In evaluation mode.
        questions: What is asked.
        options: `batch_size` and `decoding` are looked at.
    """

    def pixels(path: Path) -> Tensor:
        return view_pixels(model.preprocessing, path, None)

    seen = encode_views(model, [question.image for question in questions], pixels)
    pairs = zip(questions, seen, strict=True)
    while some := list(islice(pairs, options.batch_size)):
        yield from _answered(model, some, options)


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
