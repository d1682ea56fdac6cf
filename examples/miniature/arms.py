"""What is tuned on what: the rows of the paper's Table 2, each in three folds and one seed or more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emogen.errors import InputError
from examples.miniature.steps import Step

__all__ = ["ARMS", "CAPTION_QUESTION", "Arm", "Run", "captioning", "evaluating", "read_arms", "tuning"]

CAPTION_QUESTION: Final = "Write a short description for the image."
CAPTION_STEPS: Final = 480
CAPTION_BATCH: Final = 16
EPOCHS: Final = 8
BATCH: Final = 8
RATE: Final = "3e-4"


@dataclass(frozen=True)
class Arm:
    """One row of the table: the instruction types that are trained on, none for the untuned model."""

    name: str
    types: tuple[str, ...]

    @property
    def adds(self) -> str:
        """The type that the arm before it has not; `untuned` for none."""
        return self.types[-1] if self.types else "untuned"


# With a number of epochs instead of steps, every arm sees each categorical row equally often.
ARMS: Final = (
    Arm("untuned", ()),
    Arm("categorical", ("categorical",)),
    Arm("+ conversation", ("categorical", "conversation")),
    Arm("+ reasoning", ("categorical", "conversation", "reasoning")),
)


@dataclass(frozen=True)
class Run:
    """An arm in one fold, with one seed and a share of the drawings, in percent."""

    arm: Arm
    fold: int
    seed: int = 0
    portion: int = 100

    @property
    def name(self) -> str:
        """Its folder."""
        types = "-".join(each[:3] for each in self.arm.types) or "untuned"
        part = "" if self.portion == 100 else f"-{self.portion}pct"
        return f"{types}{part}-fold{self.fold}-seed{self.seed}"


def read_arms(told: str) -> tuple[Arm, ...]:
    """Read `--arms`: what arms add, joined by commas.

    Raises:
        InputError: an arm is unknown.
    """
    known = {arm.adds: arm for arm in ARMS}
    names = {name.strip() for name in told.split(",")}
    if unknown := sorted(names - known.keys()):
        raise InputError(
            f"no arm is called {unknown[0]!r}", where="--arms", remedy=f"Known: {', '.join(known)}."
        )
    return tuple(arm for name, arm in known.items() if name in names)


def captioning(out: Path) -> Step:
    """Return the stage that stands in for InstructBLIP's pretraining: names of other emoji."""
    command = ("emovit_train", "train", str(out / "captions.json"), "--image-root", str(out / "unlabelled"))
    told = ("--model", "nano", "--max-steps", CAPTION_STEPS, "--batch-size", CAPTION_BATCH, "--lr", RATE)
    folder = out / "captioned"
    return Step(
        "captioning",
        (*command, "--out", str(folder), *map(str, told)),
        folder / "train.json",
        CAPTION_STEPS * CAPTION_BATCH / 2,
    )


def tuning(out: Path, run: Run, rows: int) -> Step:
    """Return the tuning of one run, which begins with the captioned model.

    Args:
        out: The miniature's folder.
        run: Which.
        rows: Rows that it trains on.
    """
    folder = out / "tuned" / run.name
    command = ("emovit_train", "train", str(out / f"fold{run.fold}" / "samples.jsonl"))
    told = ("--image-root", out / "labelled", "--start", out / "captioned", "--model", "nano")
    rates = ("--types", ",".join(run.arm.types), "--epochs", EPOCHS, "--batch-size", BATCH, "--lr", RATE)
    part = () if run.portion == 100 else ("--portion", f"{run.portion}%")
    return Step(
        f"tune-{run.name}",
        (*command, "--out", str(folder), *map(str, (*told, *rates, "--seed", run.seed, *part))),
        folder / "train.json",
        rows * EPOCHS,
    )


def evaluating(out: Path, run: Run, drawings: int) -> Step:
    """Return the evaluation of one run on the drawings that its fold keeps back."""
    checkpoint = out / "tuned" / run.name if run.arm.types else out / "captioned"
    records = out / f"fold{run.fold}" / "records.jsonl"
    folder = out / "evaluated" / run.name
    told = ("--checkpoint", checkpoint, "--image-root", out / "labelled", "--out", folder)
    return Step(
        f"evaluate-{run.name}",
        ("emovit_train", "evaluate", str(records), *map(str, told)),
        folder / "evaluation.json",
        drawings,
    )
