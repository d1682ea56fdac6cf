"""What is tuned on what: the rows of the paper's Table 2, each in three folds and one seed or more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emogen.errors import InputError
from examples.miniature.steps import Step

__all__ = [
    "ARMS",
    "CAPTION_QUESTION",
    "CHOSEN",
    "Arm",
    "Run",
    "Setting",
    "ask",
    "captioning",
    "evaluating",
    "read_arms",
    "train",
    "tuning",
]

CAPTION_QUESTION: Final = "Write a short description for the image."
CAPTION_STEPS: Final = 480
CAPTION_BATCH: Final = 16
RATE: Final = "3e-4"


@dataclass(frozen=True)
class Setting:
    """How long and in what steps is tuned; see choose.py."""

    epochs: int
    batch: int
    lr: str = RATE

    def __str__(self) -> str:
        return f"{self.epochs}x{self.batch}@{self.lr}"


CHOSEN: Final = Setting(epochs=8, batch=8)


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
    part = () if run.portion == 100 else ("--portion", f"{run.portion}%")
    return train(
        f"tune-{run.name}",
        out,
        out / f"fold{run.fold}",
        out / "tuned" / run.name,
        run.arm.types,
        rows,
        told=("--seed", str(run.seed), *part),
    )


def train(
    name: str,
    out: Path,
    data: Path,
    folder: Path,
    types: Sequence[str],
    rows: int,
    *,
    setting: Setting = CHOSEN,
    told: Sequence[str] = ("--seed", "0"),
) -> Step:
    """Return a tuning of the captioned model.

    Args:
        name: Of the step.
        out: The miniature's folder.
        data: Folder of what is learnt, as `samples.jsonl`.
        folder: Where to.
        types: Of instructions.
        rows: So many of them are learnt from.
        setting: How.
        told: What else the command is told.
    """
    command = ("emovit_train", "train", str(data / "samples.jsonl"), "--out", str(folder))
    begin = ("--image-root", str(out / "labelled"), "--start", str(out / "captioned"), "--model", "nano")
    rates = ("--epochs", str(setting.epochs), "--batch-size", str(setting.batch), "--lr", setting.lr)
    return Step(
        name,
        (*command, *begin, "--types", ",".join(types), *rates, *told),
        folder / "train.json",
        rows * setting.epochs,
    )


def evaluating(out: Path, run: Run, drawings: int) -> Step:
    """Return the evaluation of one run on the drawings that its fold keeps back."""
    checkpoint = out / "tuned" / run.name if run.arm.types else out / "captioned"
    folder = out / "evaluated" / run.name
    return ask(f"evaluate-{run.name}", out, out / f"fold{run.fold}", checkpoint, folder, drawings)


def ask(name: str, out: Path, data: Path, checkpoint: Path, folder: Path, drawings: int) -> Step:
    """Return the evaluation of a checkpoint on the `records.jsonl` of `data`; see `train` for the rest."""
    told = ("--checkpoint", checkpoint, "--image-root", out / "labelled", "--out", folder)
    return Step(
        name,
        ("emovit_train", "evaluate", str(data / "records.jsonl"), *map(str, told)),
        folder / "evaluation.json",
        drawings,
    )
