"""The paper's Table 2 in miniature: python -m examples.miniature --labels EmoTag1200-scores.csv --out runs/miniature.

Runs the real commands; what is finished is not repeated when the same command runs again.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from emogen.atomic import write_text
from emogen.schemas import ImageRecord, Sample
from emogen.terminal import run_app
from emovit_train.evaluation.predictions import read_predictions
from examples.miniature import arms, drawings, fold_files, outcomes, probe, records, tables
from examples.miniature.folds import Fold, folds
from examples.miniature.outcomes import Outcome
from examples.miniature.preparing import prepare, read_drawings, read_samples
from examples.miniature.scores import Scored, read_scores
from examples.miniature.steps import Step, run_all

PROBE: Final = "linear probe"
MAJORITY: Final = "majority"
REFERENCE: Final = "categorical"
app = typer.Typer(add_completion=False)


@app.command()
def main(
    labels: Annotated[Path, typer.Option(help="EmoTag1200-scores.csv, from github.com/abushoeb/EmoTag.")],
    out: Annotated[Path, typer.Option(help="Folder for everything that is made.")],
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds each arm is tuned with.")] = 1,
    only_folds: Annotated[str, typer.Option("--folds", help="Which of the folds 0, 1 and 2.")] = "0,1,2",
    only_arms: Annotated[
        str, typer.Option("--arms", help="Which rows of the table: what each adds.")
    ] = "untuned,categorical,conversation,reasoning",
    portions: Annotated[str, typer.Option(help="Shares of the drawings in percent, as in Table 4.")] = "100",
    generate: Annotated[
        bool, typer.Option(help="Make the instructions anew, by the embedded model.")
    ] = False,
    finished: Annotated[
        bool, typer.Option("--finished", help="Run nothing; compare what is finished so far.")
    ] = False,
) -> None:
    """Tune on the three types of instructions, and compare on drawings that no arm has seen."""
    scored = read_scores(labels)
    chosen = {int(number): folds(scored)[int(number)] for number in only_folds.split(",")}
    prepare(out, scored, generate=generate)
    samples, drawn = read_samples(out, scored, generate=generate), read_drawings(out)
    wanted = list(product(arms.read_arms(only_arms), chosen, range(seeds), map(int, portions.split(","))))
    runs = [
        arms.Run(arm, fold, seed, portion)
        for arm, fold, seed, portion in wanted
        if arm.types or (seed == 0 and portion == 100)
    ]
    if finished:
        runs = [run for run in runs if _predictions(out, run).is_file()]
    else:
        run_all(_steps(out, runs, chosen, samples, drawn), out)
    result = compare(out, scored, chosen, runs, drawn)
    write_text(out / "results.json", json.dumps(result, indent=2) + "\n")
    tables.picture(result["table"], out / "results.png")
    table = tables.markdown(result["table"], REFERENCE, PROBE)
    if result["not_run"]:
        table += f"\n\nNot run: {', '.join(result['not_run'])}."
    write_text(out / "results.md", table + "\n")
    typer.echo(f"\n{table}\n\nwritten: {out / 'results.json'}, results.md, results.png")


def _steps(
    out: Path,
    runs: Sequence[arms.Run],
    chosen: dict[int, Fold],
    samples: Sequence[Sample],
    drawn: Sequence[ImageRecord],
) -> list[Step]:
    steps = [arms.captioning(out)]
    written = {
        number: fold_files.write_fold(out / f"fold{number}", fold, samples, drawn)
        for number, fold in chosen.items()
    }
    for run in runs:
        learnt, asked = written[run.fold]
        turns = sum(len(sample.turns) for sample in learnt if sample.instruction in run.arm.types)
        if run.arm.types:
            steps.append(arms.tuning(out, run, turns * run.portion // 100))
        steps.append(arms.evaluating(out, run, len(asked)))
    return steps


def compare(
    out: Path,
    scored: Sequence[Scored],
    chosen: dict[int, Fold],
    runs: Sequence[arms.Run],
    drawn: Sequence[ImageRecord],
) -> dict[str, Any]:
    """Return the results of all runs and baselines, and how they came about."""
    near_ties = frozenset(each.code for each in scored if each.near_tie)
    found: dict[str, list[Outcome]] = {}
    for run in runs:
        name = run.arm.name if run.portion == 100 else f"{run.arm.name}, {run.portion}%"
        for row in read_predictions(_predictions(out, run)):
            image = str(Path(row.image).relative_to(out / "labelled"))
            said = outcomes.outcome(
                run.fold, chosen[run.fold], image, str(row.label), row.readings["sum"], near_ties
            )
            found.setdefault(name, []).extend([said] if said else [])
    known = probe.features([out / "labelled" / row.image for row in drawn])
    for number, fold in chosen.items():
        for name, answers in _baselines(out, fold, drawn, known).items():
            for record in drawn:
                said = outcomes.outcome(
                    number, fold, record.image, str(record.emotion), answers[record.image], near_ties
                )
                found.setdefault(name, []).extend([said] if said else [])
    return {
        "table": tables.summary(found, REFERENCE, [PROBE]),
        "not_run": _not_run(runs, sorted(chosen)),
        "folds": sorted(chosen),
        "seeds": sorted({run.seed for run in runs}),
        "settings": asdict(arms.CHOSEN),
        "captioning": {"steps": arms.CAPTION_STEPS, "batch": arms.CAPTION_BATCH},
        "machine": {"processor": platform.machine(), "python": platform.python_version()},
    }


def _predictions(out: Path, run: arms.Run) -> Path:
    return out / "evaluated" / run.name / "predictions.jsonl"


def _not_run(runs: Sequence[arms.Run], wanted: Sequence[int]) -> list[str]:
    """Return the arms that were not run, with the folds where there are others of them."""
    missing = []
    for arm in arms.ARMS:
        lacks = [fold for fold in wanted if fold not in {run.fold for run in runs if run.arm == arm}]
        where = "" if len(lacks) == len(wanted) else f" in fold {' and '.join(map(str, lacks))}"
        missing += [f"{arm.name}{where}"] if lacks else []
    return missing


def _baselines(
    out: Path, fold: Fold, drawn: Sequence[ImageRecord], known: dict[Path, list[float]]
) -> dict[str, dict[str, str]]:
    """Return baseline → drawing → label, learnt from what the arms learn from."""

    learnt = [
        [
            (out / "labelled" / row.image, str(row.emotion))
            for row in drawn
            if fold_files.learnt_in(fold, row.image) and records.style_and_code(row.image)[0] == style
        ]
        for style in drawings.TRAINED_STYLES
    ]
    names = [label for style in learnt for _, label in style]
    most = max(sorted(set(names)), key=names.count)
    said = probe.probe(known, learnt, [out / "labelled" / row.image for row in drawn])
    return {
        MAJORITY: {row.image: most for row in drawn},
        PROBE: {row.image: label for row, label in zip(drawn, said, strict=True)},
    }


if __name__ == "__main__":
    run_app(app)
