"""Ranks the labels of every record, and scores what was trained on apart from what was not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict

from emogen.atomic import writable_folder, write_text
from emogen.protocol import categorical_answer, categorical_question
from emogen.schemas import ImageRecord
from emogen.terminal import note, progress
from emovit_train.checkpoint import load_checkpoint, read_config
from emovit_train.evaluation.items import Chosen, choose_images
from emovit_train.evaluation.metrics import accuracy, macro_f1, majority_share
from emovit_train.evaluation.predictions import Prediction, Ranking, read_answer
from emovit_train.features import encode_views, view_pixels
from emovit_train.fingerprint import sha256_file
from emovit_train.images import check_images
from emovit_train.objective import asked_of
from emovit_train.precision import best_device
from emovit_train.predict import generate, rank

if TYPE_CHECKING:
    from torch import Tensor

    from emovit_train.model import Assembly

__all__ = ["EVALUATION", "PREDICTIONS", "Evaluation", "SplitScore", "evaluate", "score_splits"]

EVALUATION: Final = "evaluation.json"
PREDICTIONS: Final = "predictions.jsonl"
Group = Literal["memorised", "held-out val", "held-out test", "held-out"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SplitScore(_Frozen):
    """How well one group was answered; all scores are shares, 0 to 1.

    Attributes:
        n: Records.
        accuracy_sum: Ranked by sum.
        accuracy_mean: Ranked by mean.
        macro_f1_sum: Ranked by sum, over labels that are true or predicted.
        macro_f1_mean: Ranked by mean.
        majority: Baseline: always the most frequent label of these records.
        random: Baseline: a label drawn at random.
    """

    n: int
    accuracy_sum: float
    accuracy_mean: float
    macro_f1_sum: float
    macro_f1_mean: float
    majority: float
    random: float


class Evaluation(_Frozen):
    """The result as written to `evaluation.json`.

    Attributes:
        checkpoint: The checkpoint's folder.
        untuned: Whether the trained parts were left in their starting state.
        data: What was read.
        splits: Group → score.
    """

    checkpoint: str
    untuned: bool
    data: str
    splits: dict[str, SplitScore]


def evaluate(
    checkpoint: Path,
    data: Path,
    *,
    out: Path,
    images: Path | None = None,
    untuned: bool = False,
    answers: bool = False,
    dataset: str | None = None,
    task: str | None = None,
    split: str = "test",
    device: str = "auto",
) -> tuple[Evaluation, list[Prediction]]:
    """Rank the labels of every labelled record, and write `predictions.jsonl` and `evaluation.json` into `out`.

    Args:
        checkpoint: A folder written by `train`.
        data: A run folder, `samples.jsonl` or `records.jsonl`; the folder of a data set where `dataset` is given.
        out: Folder for the results.
        images: Folder of the photographs; see `emovit_train.data.image_root`.
        untuned: Score the assembly before tuning.
        answers: Let the model answer freely, too.
        dataset: Name of the data set, see `emovit_train.evaluation.datasets`.
        task: Its labels; its first task by default.
        split: Of the data set.
        device: See `emovit_train.precision.best_device`.

    Raises:
        InputError: the checkpoint, the data, a photograph or the device cannot be used.
    """
    where = best_device(device)
    config = read_config(checkpoint)
    chosen = choose_images(data, images, dataset, task, split)
    records = chosen.records
    check_images(path for _, path in records)
    writable_folder(out)
    model = load_checkpoint(checkpoint, untuned=untuned, device=where)
    _note_captions(model, [record for record, _ in records])
    name = f"{checkpoint.name}{', untuned' if untuned else ''}"
    predictions = []
    with progress("evaluating", len(records)) as advance:
        for (record, path), seen in zip(records, _plain_features(model, records), strict=True):
            predictions.append(
                _predict(
                    model,
                    seen[None],
                    record,
                    path,
                    frozenset(config.trained_images),
                    name,
                    chosen,
                    answers,
                )
            )
            advance()
    result = Evaluation(
        checkpoint=str(checkpoint), untuned=untuned, data=str(data), splits=score_splits(predictions)
    )
    write_text(out / PREDICTIONS, "".join(row.model_dump_json() + "\n" for row in predictions))
    write_text(out / EVALUATION, result.model_dump_json(indent=2) + "\n")
    return result, predictions


def _note_captions(model: Assembly, records: Sequence[ImageRecord]) -> None:
    without = sum(record.caption is None for record in records)
    if model.spec.context == "caption" and without:
        note(
            f"this model was tuned with captions before its instructions, and {without} of {len(records)} records "
            "have none"
        )


def _plain_features(model: Assembly, records: Sequence[tuple[ImageRecord, Path]]) -> Iterator[Tensor]:
    """Yield the features (N, D) of each record's photograph: of a large data set, all at once find no room."""

    def pixels(path: Path) -> Tensor:
        return view_pixels(model.preprocessing, path, None)

    return encode_views(model, [path for _, path in records], pixels)


def _predict(
    model: Assembly,
    seen: Tensor,
    record: ImageRecord,
    path: Path,
    trained: frozenset[str],
    name: str,
    chosen: Chosen,
    answers: bool,
) -> Prediction:
    question = categorical_question(record.labels)
    asked = asked_of(model, question, record.caption)
    (ranked,) = rank(model, seen, [asked], [categorical_answer(label) for label in record.labels])
    scores = dict(zip(record.labels, ranked, strict=True))
    row = Prediction(
        dataset=chosen.dataset,
        item_id=record.id,
        image=str(path),
        group=_group(record, sha256_file(path) in trained),
        label=record.emotion,
        labels=record.labels,
        model=name,
        instruction="categorical",
        question=question,
        answer=generate(model, seen, [asked])[0] if answers else None,
        ranking=Ranking(
            sums={label: score.log_prob_sum for label, score in scores.items()},
            means={label: score.log_prob_mean for label, score in scores.items()},
        ),
        distribution=dict(votes) if (votes := chosen.votes.get(record.id)) else None,
    )
    return read_answer(row)


def _group(record: ImageRecord, trained_on: bool) -> Group:
    if trained_on:
        return "memorised"
    if record.split == "val":
        return "held-out val"
    return "held-out test" if record.split == "test" else "held-out"


def score_splits(predictions: Sequence[Prediction]) -> dict[str, SplitScore]:
    """Return group → score, in the order in which the groups first come."""
    groups: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        groups.setdefault(prediction.group, []).append(prediction)
    return {group: _score(rows) for group, rows in groups.items()}


def _score(rows: Sequence[Prediction]) -> SplitScore:
    true = [str(row.label) for row in rows]
    by_sum, by_mean = ([row.readings[way] for row in rows] for way in ("sum", "mean"))
    return SplitScore(
        n=len(rows),
        accuracy_sum=accuracy(true, by_sum),
        accuracy_mean=accuracy(true, by_mean),
        macro_f1_sum=macro_f1(true, by_sum),
        macro_f1_mean=macro_f1(true, by_mean),
        majority=majority_share(true),
        random=sum(1 / len(row.labels) for row in rows) / len(rows),
    )
