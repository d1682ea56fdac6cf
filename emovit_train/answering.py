"""`emovit_train predict`: what a tuned model says of photographs, printed as soon as it is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from emogen.errors import InputError
from emogen.labels import label_set
from emogen.protocol import categorical_answer, categorical_question
from emogen.terminal import note, say, show_json
from emovit_train.decoding import GREEDY, Decoding

if TYPE_CHECKING:
    from emovit_train.checkpoint import CheckpointConfig
    from emovit_train.model import Assembly
    from emovit_train.predict import Ranked

__all__ = ["Asked", "show_answers"]


@dataclass(frozen=True)
class Asked:
    """What is asked about each photograph.

    Attributes:
        question: In words; None asks for the emotion among the labels.
        labels: What is ranked; without any, the model answers freely.
        context: The photographs' caption, for a model that was tuned with captions.
    """

    question: str | None = None
    labels: tuple[str, ...] = ()
    context: str | None = None

    @classmethod
    def of(cls, question: str | None, labels: str | None, context: str | None) -> Asked:
        """Read the options of the command.

        Raises:
            InputError: the labels are none.
        """
        return cls(question or None, label_set(labels) if labels is not None else (), context)

    def text(self, model: Assembly) -> str:
        """Return what the model reads."""
        from emovit_train.objective import asked_of

        return asked_of(model, self.question or categorical_question(self.labels), self.context)


def show_answers(
    photos: Sequence[Path],
    checkpoint: Path,
    asked: Asked,
    *,
    decoding: Decoding = GREEDY,
    max_new_tokens: int | None = None,
    batch_size: int = 1,
    device: str = "auto",
    untuned: bool = False,
    as_json: bool = False,
) -> None:
    """Print an answer, or a ranking of labels, for each photograph.

    Args:
        photos: Image files.
        checkpoint: A folder written by `train`.
        asked: The question.
        decoding: How free answers are made.
        max_new_tokens: Longest answer, in tokens; None is that of `decoding`.
        batch_size: Photographs at once; free answers may depend on their company where it is more than 1.
        device: See `emovit_train.precision.best_device`.
        untuned: Ask the model as it was before tuning.
        as_json: Print one JSON object of all, when the last is known.

    Raises:
        InputError: a photograph, the context, the checkpoint or the device cannot be used.
    """
    from emovit_train.checkpoint import load_checkpoint, read_config
    from emovit_train.images import check_images
    from emovit_train.precision import best_device

    where = best_device(device)
    _check_context(read_config(checkpoint), asked.context)
    check_images(photos, remedy="Check the paths.")
    model = load_checkpoint(checkpoint, untuned=untuned, device=where)
    if max_new_tokens is not None:
        decoding = replace(decoding, max_new_tokens=max_new_tokens)
    known = []
    for start in range(0, len(photos), batch_size):
        for photo, answer in _answered(model, photos[start : start + batch_size], asked, decoding):
            if as_json:
                known.append(_figures(photo, asked.labels, answer))
            else:
                say(
                    f"{photo}: {answer}" if isinstance(answer, str) else _ranking(photo, asked.labels, answer)
                )
    if as_json:
        show_json({"answers": known})


def _check_context(config: CheckpointConfig, context: str | None) -> None:
    if context and config.spec.context == "none":
        raise InputError(
            "this model was tuned without a context",
            where="--context",
            remedy="Leave it out, or tune with one.",
        )
    if not context and config.spec.context == "caption":
        note("this model was tuned with captions before its instructions: give one with --context")


def _answered(
    model: Assembly, photos: Sequence[Path], asked: Asked, decoding: Decoding
) -> Iterator[tuple[Path, str | Sequence[Ranked]]]:
    """Yield what is said of each photograph: a text, or the labels' scores in the order of the labels."""
    from emovit_train.features import FreshViews
    from emovit_train.predict import generate, rank

    # Features of this batch alone: memory does not grow with the photographs.
    seen = FreshViews(model, augment=False, seed=0).pool(photos, 1).batch(photos)
    questions = [asked.text(model)] * len(photos)
    if asked.labels:
        answers = [categorical_answer(label) for label in asked.labels]
        ranked = rank(model, seen, questions, answers, at_once=len(photos))
        yield from zip(photos, ranked, strict=True)
        return
    said = generate(model, seen, questions, decoding=decoding, at_once=len(photos))
    yield from zip(photos, said, strict=True)


def _figures(photo: Path, labels: Sequence[str], answer: str | Sequence[Ranked]) -> dict[str, object]:
    if isinstance(answer, str):
        return {"photo": photo, "answer": answer}
    scores = [
        {"label": label, "log_prob_sum": score.log_prob_sum, "log_prob_mean": score.log_prob_mean}
        for label, score in zip(labels, answer, strict=True)
    ]
    return {"photo": photo, "ranking": scores}


def _ranking(photo: Path, labels: Sequence[str], scores: Sequence[Ranked]) -> str:
    """Return a line for each label, most probable first, under what each of the two norms puts first."""
    by_sum = sorted(zip(labels, scores, strict=True), key=lambda pair: -pair[1].log_prob_sum)
    by_mean, _ = max(zip(labels, scores, strict=True), key=lambda pair: pair[1].log_prob_mean)
    head = f"{photo}: {by_sum[0][0]} by sum, {by_mean} by mean per token"
    lines = [
        f"  {label:16} sum {score.log_prob_sum:8.3f}   mean {score.log_prob_mean:7.3f}"
        for label, score in by_sum
    ]
    return "\n".join([head, *lines])
