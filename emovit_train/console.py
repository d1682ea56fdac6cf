"""What the commands print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from emogen.atomic import writable_folder, write_text
from emogen.errors import InputError
from emogen.terminal import say
from emovit_train.report import TrainReport

if TYPE_CHECKING:
    from emovit_train.evaluation.evaluate import Evaluation

__all__ = ["show_evaluation", "show_report", "show_scores"]


def show_report(report: TrainReport, out: Path) -> None:
    """Print what came of a training run."""
    say(f"trained    {report.trained_parameters / 1e6:.1f}M parameters, {report.steps} steps")
    say(f"rows       {report.rows} about {report.images} images; {report.held_out_rows} rows held out")
    say(f"loss       {report.loss_start:.3f} -> {report.loss_end:.3f} on the training rows")
    if report.held_out_loss_start is not None:
        say(f"held out   {report.held_out_loss_start:.3f} -> {report.held_out_loss_end:.3f}")
    if report.truncated_rows:
        cut = ", ".join(f"{part} {count}" for part, count in report.cut.items())
        say(f"truncated  {report.truncated_rows} rows were too long and were cut: {cut}")
    say(f"frozen     unchanged, sha256 {report.frozen_sha256_after[:12]}")
    say(f"seconds    {report.seconds['total']:.1f}")
    say(f"saved      {out}")


def show_evaluation(result: Evaluation, folder: Path) -> None:
    """Print the scores of each group beside its baselines."""
    state = "before tuning" if result.untuned else "tuned"
    say(f"{state:24}{'n':>5}{'accuracy':>10}{'by mean':>9}{'macro-F1':>10}{'majority':>10}{'random':>8}")
    for group, score in result.splits.items():
        heading = "training images" if result.untuned and group == "memorised" else group
        say(
            f"{heading:24}{score.n:5}{score.accuracy_sum:10.2f}{score.accuracy_mean:9.2f}"
            f"{score.macro_f1_sum:10.2f}{score.majority:10.2f}{score.random:8.2f}"
        )
    say(f"saved {folder}")


def show_scores(files: Sequence[Path], *, out: Path | None, as_json: bool) -> None:
    """Print the tables of predictions, and write them into `out`.

    Raises:
        InputError: a file cannot be used, or none of its images has a label.
    """
    from emovit_train.evaluation.predictions import read_predictions
    from emovit_train.evaluation.published import published
    from emovit_train.evaluation.scores import as_csv, as_markdown, compare, score, stability

    rows = [row for file in files for row in read_predictions(file)]
    tables: dict[str, Sequence[BaseModel]] = {
        "scores": score(rows),
        "stability": stability(rows),
        "compared": compare(rows),
    }
    printed = [
        number for dataset in dict.fromkeys(row.dataset for row in rows) for number in published(dataset)
    ]
    tables["published"] = printed
    if not tables["scores"]:
        raise InputError(
            "no prediction has both a label and an answer", where=files[0], remedy="Evaluate labelled images."
        )
    markdown = "\n\n".join(as_markdown(table) for table in tables.values() if table)
    plain = {name: [row.model_dump() for row in table] for name, table in tables.items()}
    text = json.dumps(plain, indent=2)
    say(text if as_json else markdown)
    if out is not None:
        writable_folder(out)
        write_text(out / "scores.md", markdown + "\n")
        write_text(out / "scores.json", text + "\n")
        for name, table in tables.items():
            if table:
                write_text(out / f"{name}.csv", as_csv(table))
        say(f"saved {out}", err=True)
