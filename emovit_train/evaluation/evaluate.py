"""Ranks the labels of every record, and scores what was trained on apart from what was not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict

from emogen.atomic import writable_folder, write_text
from emogen.protocol import categorical_answer, categorical_question
from emogen.schemas import ImageRecord
from emogen.terminal import progress
from emovit_train.checkpoint import load_checkpoint, read_config
from emovit_train.data import read_records
from emovit_train.evaluation.metrics import accuracy, macro_f1, majority_share
from emovit_train.features import ImageFeatures
from emovit_train.fingerprint import sha256_file
from emovit_train.images import check_images
from emovit_train.predict import rank

if TYPE_CHECKING:
    from emovit_train.model import EmoVIT

__all__ = ["EVALUATION", "PREDICTIONS", "Evaluation", "Prediction", "SplitScore", "evaluate", "score_splits"]

EVALUATION: Final = "evaluation.json"
PREDICTIONS: Final = "predictions.jsonl"
Group = Literal["memorised", "held-out val", "held-out test", "held-out"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Prediction(_Frozen):
    """One record's ranked labels.

    Attributes:
        record_id: The record.
        image: Its photograph.
        group: `memorised` if this photograph was trained on, whatever the record's split says.
        emotion: The true label.
        by_sum: The label whose answer has the largest summed log-probability.
        by_mean: The same by the mean per token.
        sums: Label → summed log-probability of its answer and EOS.
        means: Label → the same per token.
    """

    record_id: str
    image: str
    group: Group
    emotion: str
    by_sum: str
    by_mean: str
    sums: dict[str, float]
    means: dict[str, float]


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
    checkpoint: Path, data: Path, *, out: Path, images: Path | None = None, untuned: bool = False
) -> tuple[Evaluation, list[Prediction]]:
    """Rank the labels of every labelled record, and write `predictions.jsonl` and `evaluation.json` into `out`.

    Args:
        checkpoint: A folder written by `train`.
        data: A run folder, `samples.jsonl` or `records.jsonl`.
        out: Folder for the results.
        images: Folder of the photographs; see `emovit_train.data.image_root`.
        untuned: Score the assembly before tuning.

    Raises:
        InputError: the checkpoint, the data or a photograph cannot be used.
    """
    config = read_config(checkpoint)
    records = read_records(data, images)
    check_images(path for _, path in records)
    writable_folder(out)
    model = load_checkpoint(checkpoint, untuned=untuned)
    features = ImageFeatures(model)
    features.compute(path for _, path in records)
    predictions = []
    with progress("evaluating", len(records)) as advance:
        for record, path in records:
            predictions.append(_predict(model, features, record, path, frozenset(config.trained_images)))
            advance()
    result = Evaluation(
        checkpoint=str(checkpoint), untuned=untuned, data=str(data), splits=score_splits(predictions)
    )
    write_text(out / PREDICTIONS, "".join(row.model_dump_json() + "\n" for row in predictions))
    write_text(out / EVALUATION, result.model_dump_json(indent=2) + "\n")
    return result, predictions


def _predict(
    model: EmoVIT, features: ImageFeatures, record: ImageRecord, path: Path, trained: frozenset[str]
) -> Prediction:
    (ranked,) = rank(
        model,
        features.batch([path]),
        [categorical_question(record.labels)],
        [categorical_answer(label) for label in record.labels],
    )
    sums = {label: score.log_prob_sum for label, score in zip(record.labels, ranked, strict=True)}
    means = {label: score.log_prob_mean for label, score in zip(record.labels, ranked, strict=True)}
    return Prediction(
        record_id=record.id,
        image=str(path),
        group=_group(record, sha256_file(path) in trained),
        emotion=str(record.emotion),
        by_sum=max(sums, key=sums.__getitem__),
        by_mean=max(means, key=means.__getitem__),
        sums=sums,
        means=means,
    )


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
    true = [row.emotion for row in rows]
    by_sum, by_mean = [row.by_sum for row in rows], [row.by_mean for row in rows]
    return SplitScore(
        n=len(rows),
        accuracy_sum=accuracy(true, by_sum),
        accuracy_mean=accuracy(true, by_mean),
        macro_f1_sum=macro_f1(true, by_sum),
        macro_f1_mean=macro_f1(true, by_mean),
        majority=majority_share(true),
        random=sum(1 / len(row.sums) for row in rows) / len(rows),
    )
