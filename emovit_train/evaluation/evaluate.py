"""Asks a model about the images of a data set, and scores what was trained on apart from what was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from emogen.atomic import write_text
from emovit_train.evaluation.answers import UNKNOWN
from emovit_train.evaluation.contamination import (
    Contamination,
    ImageList,
    as_strata,
    find_contamination,
)
from emovit_train.evaluation.instructions import Instruction, read_instructions
from emovit_train.evaluation.items import Chosen
from emovit_train.evaluation.metrics import accuracy, macro_f1, majority_share
from emovit_train.evaluation.predicting import predict_chosen
from emovit_train.evaluation.predictions import Prediction
from emovit_train.evaluation.predictors import Predictor

__all__ = ["EVALUATION", "Evaluation", "SplitScore", "evaluate", "score_splits"]

EVALUATION: Final = "evaluation.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SplitScore(_Frozen):
    """How well one group was answered; all scores are shares, 0 to 1, and None where nothing was read that way.

    Attributes:
        n: Images.
        accuracy_sum: Ranked by sum.
        accuracy_mean: Ranked by mean.
        accuracy_strict: Answers read strictly.
        accuracy_lenient: Answers read leniently.
        macro_f1_sum: Ranked by sum, over labels that are true or predicted.
        macro_f1_mean: Ranked by mean.
        macro_f1_lenient: Answers read leniently; `unknown` is a label that is never true.
        unknown: Share of the answers that say no label, read leniently.
        majority: Baseline: always the most frequent label of these images.
        random: Baseline: a label drawn at random.
    """

    n: int
    accuracy_sum: float | None = None
    accuracy_mean: float | None = None
    accuracy_strict: float | None = None
    accuracy_lenient: float | None = None
    macro_f1_sum: float | None = None
    macro_f1_mean: float | None = None
    macro_f1_lenient: float | None = None
    unknown: float | None = None
    majority: float
    random: float


class Evaluation(_Frozen):
    """The result as written to `evaluation.json`.

    Attributes:
        model: Who was asked.
        predictor: All that decides its answers, see `Predictor.identity`.
        dataset: Data set and task, or `records`.
        splits: Group → score; of several instructions, `group, instruction` → score, of an order of
            the options `group, instruction, order 1`.
        failed: Questions that have no answer yet.
        contamination: Which of the images were trained on, as far as that was looked for; without the single images.
    """

    model: str
    predictor: dict[str, Any]
    dataset: str
    splits: dict[str, SplitScore]
    failed: int = 0
    contamination: Contamination | None = None


def evaluate(
    predictor: Predictor,
    chosen: Chosen,
    *,
    out: Path,
    instructions: Sequence[Instruction] = (),
    answers: bool = False,
    ranking: bool = True,
    overwrite: bool = False,
    trained_on: Sequence[ImageList] = (),
) -> tuple[Evaluation, list[Prediction]]:
    """Ask about every image, and write `predictions.jsonl` and `evaluation.json` into `out`.

    What `out` holds of the same predictor is not asked again.

    Args:
        predictor: Who is asked.
        chosen: The images.
        out: Folder for the results.
        instructions: How it is asked; by default as in tuning.
        answers: Let a model that ranks answer freely, too.
        ranking: Rank the labels, where the model can.
        overwrite: Throw away what `out` holds.
        trained_on: What the model was trained on; each row then says under `contamination` what of its image was.

    Raises:
        InputError: an image cannot be used, or `out` holds another predictor's answers.
        EmovitError: no further question can be answered; what was is kept.
    """
    found = find_contamination(chosen, trained_on) if trained_on else None
    if found is not None:
        chosen = replace(chosen, strata=as_strata(found, chosen))
    told = list(instructions) or read_instructions([])
    predicted = predict_chosen(predictor, chosen, told, out, speak=answers, rank=ranking, overwrite=overwrite)
    result = Evaluation(
        model=predictor.name,
        predictor=dict(predictor.identity),
        dataset=chosen.dataset,
        splits=score_splits(predicted.rows),
        failed=len(predicted.failures),
        contamination=found and found.model_copy(update={"seen": ()}),
    )
    write_text(out / EVALUATION, result.model_dump_json(indent=2) + "\n")
    return result, predicted.rows


def score_splits(predictions: Sequence[Prediction]) -> dict[str, SplitScore]:
    """Return group → score, in the order in which the groups first come; see `Evaluation.splits`."""
    several = len({(row.instruction, row.order) for row in predictions}) > 1
    groups: dict[str, list[Prediction]] = {}
    for row in predictions:
        asked = f", {row.instruction}{'' if row.order is None else f', order {row.order}'}" if several else ""
        groups.setdefault(row.group + asked, []).append(row)
    return {group: _score(rows) for group, rows in groups.items()}


def _score(rows: Sequence[Prediction]) -> SplitScore:
    true = [str(row.label) for row in rows]
    read = [row.readings for row in rows]
    # An earlier call may have wanted more of some images.
    ways = [way for way in read[0] if all(way in each for each in read)]
    by_way: Mapping[str, list[str]] = {way: [each[way] for each in read] for way in ways}
    scores: dict[str, float] = {f"accuracy_{way}": accuracy(true, said) for way, said in by_way.items()}
    scores |= {f"macro_f1_{way}": macro_f1(true, said) for way, said in by_way.items() if way != "strict"}
    if "lenient" in by_way:
        scores["unknown"] = by_way["lenient"].count(UNKNOWN) / len(rows)
    return SplitScore(
        n=len(rows),
        majority=majority_share(true),
        random=sum(1 / len(row.labels) for row in rows) / len(rows),
        **scores,
    )
