"""Asks a predictor about chosen images, and keeps every answer: the same call goes on where an earlier one ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from emogen.errors import InputError
from emogen.schemas import ImageRecord
from emogen.terminal import progress
from emovit_train.evaluation.instructions import Instruction
from emovit_train.evaluation.items import Chosen
from emovit_train.evaluation.kept import PredictionFile, key_of, open_predictions
from emovit_train.evaluation.predictions import Prediction, read_answer
from emovit_train.evaluation.predictors import Predictor, Question, Reply
from emovit_train.fingerprint import sha256_file
from emovit_train.images import check_images, check_present

__all__ = ["MEMORISED", "Predicted", "predict_chosen"]

MEMORISED: Final = "memorised"
Group = Literal["memorised", "held-out val", "held-out test", "held-out"]


@dataclass(frozen=True)
class Predicted:
    """What a predictor said.

    Attributes:
        rows: Instruction by instruction, in the order of the images; without those that failed.
        failures: `item, instruction: why` of each question that has no answer; the same call asks them again.
        earlier: How many rows were there before.
    """

    rows: list[Prediction]
    failures: list[str]
    earlier: int


def predict_chosen(
    predictor: Predictor,
    chosen: Chosen,
    instructions: Sequence[Instruction],
    out: Path,
    *,
    speak: bool = False,
    rank: bool = True,
    overwrite: bool = False,
) -> Predicted:
    """Ask about every image under every instruction what `out` holds no answer to yet.

    Each answer is in `out`/predictions.jsonl as soon as it is known. At the end the file is put in order.

    Args:
        predictor: Who is asked; see `emovit_train.evaluation.predictors.open_predictor`.
        chosen: The images; see `emovit_train.evaluation.items.choose_images`.
        instructions: How it is asked.
        out: Folder of the predictions.
        speak: Let the model answer in its own words, too. One that does not rank always does.
        rank: Rank the labels, where the model can.
        overwrite: Throw away what `out` holds.

    Raises:
        InputError: an image is missing or no image, or `out` holds answers of another predictor.
        EmovitError: no further question can be answered; what was is kept.
    """
    rank = rank and predictor.ranks
    if not rank and not speak and predictor.ranks:
        raise InputError("nothing is wanted of the model", remedy="Let it answer, or rank, or both.")
    speak = speak or not rank
    check_present(path for _, path in chosen.records)
    asked = list(_asked(predictor, chosen, instructions, speak=speak, rank=rank))
    identity = {"dataset": chosen.dataset, **predictor.identity}
    texts = {instruction.name: instruction.identity for instruction in instructions}
    with open_predictions(out, identity, texts, overwrite=overwrite) as file:
        unanswered = [each for each in asked if not each.is_answered_by(file.known.get(key_of(each.empty)))]
        check_images(each.question.image for each in unanswered)
        failures = _ask(predictor, unanswered, file, len(asked)) if unanswered else []
        _bring_up_to_date(file, asked)
        rows = [
            row for each in asked if each.is_answered_by(row := file.known.get(key_of(each.empty))) and row
        ]
        file.put_in_order(rows)
    return Predicted(rows, failures, len(asked) - len(unanswered))


@dataclass(frozen=True)
class _Asked:
    """One question with the row that an answer to it becomes."""

    question: Question
    empty: Prediction

    def is_answered_by(self, row: Prediction | None) -> bool:
        """Whether a row is of this question about this picture, with all that is wanted."""
        return (
            row is not None
            and (row.question, row.labels) == (self.empty.question, self.empty.labels)
            and row.image_sha256 == self.empty.image_sha256
            and (row.answer is not None or not self.question.speak)
            and (row.ranking is not None or not self.question.candidates)
        )

    def answered(self, reply: Reply) -> Prediction:
        return read_answer(self.empty.model_copy(update={"answer": reply.answer, "ranking": reply.ranking}))


def _asked(
    predictor: Predictor, chosen: Chosen, instructions: Sequence[Instruction], *, speak: bool, rank: bool
) -> Iterator[_Asked]:
    digests = [sha256_file(path) for _, path in chosen.records]
    for instruction in instructions:
        for (record, path), digest in zip(chosen.records, digests, strict=True):
            labels = instruction.labels(record.labels, record.id)
            question = Question(
                id=f"{instruction.name}\n{instruction.order}\n{record.id}",
                image=path,
                text=instruction.question(labels),
                candidates=instruction.candidates(labels) if rank else {},
                speak=speak,
                caption=record.caption,
            )
            yield _Asked(
                question,
                Prediction(
                    dataset=chosen.dataset,
                    item_id=record.id,
                    image=str(path),
                    image_sha256=digest,
                    group=_group(record, digest in predictor.trained_images),
                    label=record.emotion,
                    labels=labels,
                    model=predictor.name,
                    instruction=instruction.name,
                    order=instruction.order,
                    question=question.text,
                    distribution=dict(votes) if (votes := chosen.votes.get(record.id)) else None,
                    strata=dict(chosen.strata.get(record.id, {})),
                ),
            )


def _ask(predictor: Predictor, unanswered: Sequence[_Asked], file: PredictionFile, total: int) -> list[str]:
    """Ask, keep what is answered, and return what failed."""
    by_id = {each.question.id: each for each in unanswered}
    failures = []
    with progress("evaluating", total) as advance:
        if total > len(unanswered):
            advance(total - len(unanswered))
        for question, reply in predictor.predict([each.question for each in unanswered]):
            each = by_id[question.id]
            if reply.failure:
                failures.append(f"{each.empty.item_id}, {each.empty.instruction}: {reply.failure}")
            else:
                file.add(each.answered(reply))
            advance()
    return failures


def _bring_up_to_date(file: PredictionFile, asked: Sequence[_Asked]) -> None:
    """Give every row of these pictures, under whichever instruction, what the data say of its image today."""
    today = {each.empty.item_id: each.empty for each in asked}
    for key, row in file.known.items():
        now = today.get(row.item_id)
        if now is None or now.image_sha256 != row.image_sha256 or set(now.labels) != set(row.labels):
            continue
        said = {name: getattr(now, name) for name in ("label", "group", "model", "image", "distribution")}
        file.known[key] = row.model_copy(update={**said, "strata": {**row.strata, **now.strata}})


def _group(record: ImageRecord, trained_on: bool) -> Group:
    if trained_on:
        return MEMORISED
    if record.split == "val":
        return "held-out val"
    return "held-out test" if record.split == "test" else "held-out"
