"""What the commands print."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import BaseModel

from emogen.atomic import writable_folder, write_text
from emogen.errors import InputError
from emogen.terminal import say, show_json
from emovit_train.report import TrainReport

if TYPE_CHECKING:
    from emovit_train.evaluation.evaluate import Evaluation
    from emovit_train.evaluation.grouping import Key
    from emovit_train.evaluation.predictions import Prediction

__all__ = ["Cut", "show_comparison", "show_evaluation", "show_report", "show_scores"]


@dataclass(frozen=True)
class Cut:
    """How the images of predictions are told apart and resampled.

    Attributes:
        by: Strata that are scored apart.
        unit: The stratum whose values intervals resample; None for the images themselves.
        strata: A CSV table of the strata, see `emovit_train.evaluation.grouping.with_strata`.
    """

    by: tuple[str, ...] = ()
    unit: str | None = None
    strata: Path | None = None

    def of(self, rows: list[Prediction]) -> list[Prediction]:
        """Return the rows with the table's strata."""
        from emovit_train.evaluation.grouping import with_strata

        return with_strata(rows, self.strata) if self.strata else rows


def show_report(report: TrainReport, out: Path) -> None:
    """Print what came of a training run."""
    say(f"trained    {report.trained_parameters / 1e6:.1f}M parameters, {report.steps} steps")
    say(f"rows       {report.rows} about {report.images} images; {report.held_out_rows} rows held out")
    if report.reviewed is not None:
        say(f"reviewed   {report.reviewed.told()}")
    seen = _some_of(report.measured_rows, report.rows, "training rows")
    say(f"loss       {report.loss_start:.3f} -> {report.loss_end:.3f} on {seen}")
    if report.held_out_loss_start is not None:
        seen = _some_of(report.measured_held_out_rows, report.held_out_rows, "held-out rows")
        say(f"held out   {report.held_out_loss_start:.3f} -> {report.held_out_loss_end:.3f} on {seen}")
    if report.truncated_rows:
        cut = ", ".join(f"{part} {count}" for part, count in report.cut.items())
        say(f"truncated  {report.truncated_rows} rows were too long and were cut: {cut}")
    say(f"frozen     unchanged, sha256 {report.frozen_sha256_after[:12]}")
    say(f"seconds    {report.seconds['total']:.1f}")
    say(f"saved      {out}")


def _some_of(measured: int, count: int, what: str) -> str:
    return f"the {what}" if measured == count else f"{measured} of the {count} {what}"


def show_evaluation(result: Evaluation, folder: Path) -> None:
    """Print the scores of each group beside its baselines."""
    width = max(24, *(len(group) + 2 for group in result.splits)) if result.splits else 24
    untuned = result.predictor.get("untuned", False)
    heads = {
        "accuracy_sum": "by sum",
        "accuracy_mean": "by mean",
        "accuracy_strict": "strict",
        "accuracy_lenient": "lenient",
        "unknown": "unknown",
        "majority": "majority",
        "random": "random",
    }
    scores = {group: score.model_dump() for group, score in result.splits.items()}
    heads = {
        name: head
        for name, head in heads.items()
        if any(score[name] is not None for score in scores.values())
    }
    say(f"{result.model:{width}}{'n':>6}" + "".join(f"{head:>10}" for head in heads.values()))
    for group, score in scores.items():
        heading = group.replace("memorised", "training images") if untuned else group
        cells = (f"{score[name]:10.2f}" if score[name] is not None else " " * 10 for name in heads)
        say(f"{heading:{width}}{score['n']:6}" + "".join(cells))
    if (found := result.contamination) is not None:
        say(
            f"trained on {found.images - found.clean} of {found.images} images: {found.exact} by their bytes, "
            f"{found.near} by their look, {found.same_id} by their id. {found.remark}".rstrip()
        )
    say(f"saved {folder}")


def show_scores(
    files: Sequence[Path], cut: Cut, *, out: Path | None, as_json: bool, per_class: bool, sample: bool
) -> None:
    """Print the tables of predictions, and write them and pictures of confusions into `out`.

    Raises:
        InputError: a file cannot be used, or none of its images has a label.
    """
    from emovit_train.evaluation.classes import class_scores, confusions
    from emovit_train.evaluation.comparison import compare
    from emovit_train.evaluation.distributions import distribution_scores
    from emovit_train.evaluation.pictures import draw_confusion
    from emovit_train.evaluation.predictions import read_predictions
    from emovit_train.evaluation.published import published
    from emovit_train.evaluation.scores import score
    from emovit_train.evaluation.stability import stability

    rows = cut.of([row for file in files for row in read_predictions(file)])
    tables: dict[str, Sequence[BaseModel]] = {
        "scores": score(rows, by=cut.by, unit=cut.unit),
        "stability": stability(rows, sample=sample),
        "compared": compare(rows, by=cut.by, unit=cut.unit),
        "distributions": distribution_scores(rows),
        "classes": class_scores(rows, by=cut.by),
        "published": [
            number for dataset in dict.fromkeys(row.dataset for row in rows) for number in published(dataset)
        ],
    }
    if not tables["scores"] and not tables["distributions"]:
        raise InputError(
            "no prediction has both a label and an answer", where=files[0], remedy="Evaluate labelled images."
        )
    matrices = confusions(rows, by=cut.by)
    more = {"confusions": [matrix.as_object() for matrix in matrices]}
    _show(tables, out=out, as_json=as_json, hidden=() if per_class else ("classes",), more=more)
    if out is not None:
        for name, matrix in zip(_picture_names([matrix.key for matrix in matrices]), matrices, strict=True):
            draw_confusion(matrix, out / f"confusion-{name}.png")


def _picture_names(keys: Sequence[Key]) -> list[str]:
    """Return what tells each from the others, as the name of a file: model and reading, and whatever else differs."""
    from emovit_train.reproduction.identity import slug

    fields = ("dataset", "group", "model", "instruction", "order", "reading", "stratum")
    told = [
        name
        for name in fields
        if name in ("model", "reading") or len({getattr(key, name) for key in keys}) > 1
    ]
    names = [slug(" ".join(str(getattr(key, name)) for name in told)) for key in keys]
    # Names that differ by a sign alone are one to a file system.
    return [name if names.count(name) == 1 else f"{name}-{number}" for number, name in enumerate(names, 1)]


def show_comparison(first: Path, second: Path, cut: Cut, *, out: Path | None, as_json: bool) -> None:
    """Print how two files of predictions compare, and write it into `out`.

    Raises:
        InputError: a file cannot be used, or the two have nothing in common.
    """
    from emovit_train.evaluation.comparison import compare, told_apart
    from emovit_train.evaluation.predictions import read_predictions

    rows = cut.of(told_apart({file: read_predictions(file) for file in (first, second)}))
    found = compare(rows, by=cut.by, unit=cut.unit)
    if not found:
        raise InputError(
            "these files have no answer in common: no image of one data set, asked and read the same way",
            where=second,
            remedy="Evaluate both models on the same images, with the same instruction.",
        )
    _show({"compared": found}, out=out, as_json=as_json)


def _show(
    tables: Mapping[str, Sequence[BaseModel]],
    *,
    out: Path | None,
    as_json: bool,
    hidden: Sequence[str] = (),
    more: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Print tables, and write them into `out`; what is hidden is only written."""
    from emovit_train.evaluation.tables import as_csv, as_markdown

    filled = {name: table for name, table in tables.items() if table}
    plain = {name: [row.model_dump() for row in table] for name, table in tables.items()}
    whole_text = json.dumps({**plain, **more}, indent=2)
    if as_json:
        show_json({**plain, **more})
    else:
        say("\n\n".join(as_markdown(table) for name, table in filled.items() if name not in hidden))
    if out is not None:
        writable_folder(out)
        whole = "\n\n".join(f"## {name}\n\n{as_markdown(table)}" for name, table in filled.items())
        write_text(out / "scores.md", whole + "\n")
        write_text(out / "scores.json", whole_text + "\n")
        for name, table in filled.items():
            write_text(out / f"{name}.csv", as_csv(table))
        say(f"saved {out}", err=True)
