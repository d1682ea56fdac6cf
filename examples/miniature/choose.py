"""How the miniature's settings were chosen: python -m examples.miniature.choose --labels ... --out runs/miniature.

Each setting tunes on Google's drawings of the first fold's learnt emoji, and is asked about Twitter's drawings of the
same emoji: what Test B asks of another style, asked of nothing that any test holds. A linear probe stands beside it.
Runs the real commands, in the folder of the miniature; what is finished is not repeated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from emogen.atomic import write_text
from emogen.errors import InputError
from emogen.schemas import ImageRecord, Sample
from emogen.terminal import run_app, say
from emovit_train.evaluation.predictions import read_predictions
from emovit_train.evaluation.statistics import interval
from emovit_train.evaluation.tables import markdown_table
from examples.miniature import arms, preparing, probe
from examples.miniature.arms import Setting
from examples.miniature.drawings import TRAINED_STYLES
from examples.miniature.folds import Fold, folds
from examples.miniature.records import style_and_code
from examples.miniature.scores import read_scores
from examples.miniature.steps import Step, run_all

__all__ = ["Parts", "app", "choosing_steps", "compare", "parts_of", "read_setting"]

FOLD: Final = 0
LEARNT, ASKED = TRAINED_STYLES
TYPE: Final = "categorical"
PROBE: Final = "linear probe"
_SETTING: Final = re.compile(r"(\d+)x(\d+)(?:@(\d+(?:\.\d+)?(?:e-?\d+)?))?")
app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Parts:
    """What is learnt, and what is asked."""

    learnt: list[Sample]
    asked: list[ImageRecord]


@app.command()
def main(
    labels: Annotated[Path, typer.Option(help="EmoTag1200-scores.csv, from github.com/abushoeb/EmoTag.")],
    out: Annotated[Path, typer.Option(help="The miniature's folder.")],
    setting: Annotated[
        list[str],
        typer.Option(help="EPOCHSxBATCH, or EPOCHSxBATCH@RATE. May be given several times."),
    ] = ["8x16", "8x8", "4x4"],  # noqa: B006 - typer takes a list, and nobody changes it
) -> None:
    """Tune with each setting, and compare on the other style's drawings of the same emoji."""
    settings = list(dict.fromkeys(map(read_setting, setting)))
    scored = read_scores(labels)
    preparing.prepare(out, scored)
    drawn = preparing.read_drawings(out)
    parts = parts_of(folds(scored)[FOLD], preparing.read_samples(out, scored), drawn)
    run_all(choosing_steps(out, settings, parts), out)
    rows = compare(out, settings, parts, drawn)
    table = markdown_table(list(rows[0]), [list(row.values()) for row in rows])
    write_text(out / "choose" / "settings.json", json.dumps(rows, indent=2) + "\n")
    write_text(out / "choose" / "settings.md", table + "\n")
    say(f"\n{table}\n\nwritten: {out / 'choose' / 'settings.json'}, settings.md")


def read_setting(told: str) -> Setting:
    """Read EPOCHSxBATCH@RATE.

    Raises:
        InputError: it is none.
    """
    found = _SETTING.fullmatch(told.strip())
    if not found or not int(found[1]) or not int(found[2]):
        raise InputError(
            f"not EPOCHSxBATCH@RATE: {told!r}", where="--setting", remedy="Give it as in 8x16, or 8x16@3e-4."
        )
    return Setting(int(found[1]), int(found[2]), found[3] or arms.RATE)


def parts_of(fold: Fold, samples: Sequence[Sample], drawn: Sequence[ImageRecord]) -> Parts:
    """Return the first style's categorical rows about a fold's learnt emoji, and the second style's drawings of these.

    Args:
        fold: The fold.
        samples: All instructions.
        drawn: All labelled drawings.
    """

    def belongs(image: str, style: str) -> bool:
        own, code = style_and_code(image)
        return own == style and fold.split(code) == "train"

    return Parts(
        [each for each in samples if each.instruction == TYPE and belongs(each.record.image, LEARNT)],
        [row.model_copy(update={"split": "test"}) for row in drawn if belongs(row.image, ASKED)],
    )


def choosing_steps(out: Path, settings: Sequence[Setting], parts: Parts) -> list[Step]:
    """Write what is learnt and asked, and return the commands: the captioning stage, and two for each setting."""
    folder = out / "choose"
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("samples", parts.learnt), ("records", parts.asked)):
        write_text(folder / f"{name}.jsonl", "".join(row.model_dump_json() + "\n" for row in rows))
    turns = sum(len(sample.turns) for sample in parts.learnt)
    steps = [arms.captioning(out)]
    for each in settings:
        tuned, asked = folder / f"tuned-{each}", folder / f"evaluated-{each}"
        steps += [
            arms.train(f"choose-tune-{each}", out, folder, tuned, (TYPE,), turns, setting=each),
            arms.ask(f"choose-evaluate-{each}", out, folder, tuned, asked, len(parts.asked)),
        ]
    return steps


def compare(
    out: Path, settings: Sequence[Setting], parts: Parts, drawn: Sequence[ImageRecord]
) -> list[dict[str, Any]]:
    """Return a row for each setting and one for the probe: accuracy, with its 95% interval over emoji."""
    rows = []
    for each in settings:
        found = read_predictions(out / "choose" / f"evaluated-{each}" / "predictions.jsonl")
        hits = [row.hit("sum") for row in found]
        rows.append({"tuned": str(each), **asdict(each), **_accuracy(hits), "chosen": each == arms.CHOSEN})
    learnt = {sample.record.image for sample in parts.learnt}
    first, second = (
        [(out / "labelled" / row.image, str(row.emotion)) for row in drawn if row.image in images]
        for images in (learnt, {row.image for row in parts.asked})
    )
    known = probe.features([path for path, _ in (*first, *second)])
    said = probe.probe_at_its_best(known, first, second)
    hits = [answer == label for answer, (_, label) in zip(said, second, strict=True)]
    rows.append({"tuned": PROBE, **dict.fromkeys(asdict(arms.CHOSEN)), **_accuracy(hits), "chosen": None})
    return rows


def _accuracy(hits: Sequence[bool]) -> dict[str, float]:
    low, high = interval(hits)
    return {"n": len(hits), "accuracy": sum(hits) / len(hits), "low": low, "high": high}


if __name__ == "__main__":
    run_app(app)
